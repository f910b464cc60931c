using System.Globalization;
using System.Text;

namespace Fleet.Quantization.Writing;

/// <summary>
/// A calibration cache of TensorRT: a line with its version and the calibrator, then for each value its name and its scale, the bits of a
/// 32-bit float as a hexadecimal number, most significant first (as ONNX Runtime's TensorRT provider reads it,
/// tensorrt_execution_provider_utils.h; a value's largest magnitude is 127 times its scale).
/// </summary>
internal static class TensorRtCache
{
    /// <summary>TensorRT 10.3, which JetPack 6.1 and 6.2 have. TensorRT takes a cache only where this is its own version.</summary>
    public const string Version = "100300";

    /// <summary>The text of a cache.</summary>
    /// <param name="scales">The scale of each value by its name.</param>
    /// <exception cref="InvalidDataException">A name would break the line, or a scale is none.</exception>
    public static string Of(IEnumerable<KeyValuePair<string, float>> scales)
    {
        var text = new StringBuilder($"TRT-{Version}-EntropyCalibration2\n");
        foreach (var (name, scale) in scales)
        {
            if (name.Any(char.IsControl)) throw new InvalidDataException($"Value '{name}' has a name that no calibration cache can hold.");
            if (!float.IsNormal(scale) || scale < 0) throw new InvalidDataException($"Value '{name}' has no scale above zero.");
            text.Append(CultureInfo.InvariantCulture, $"{name}: {BitConverter.SingleToUInt32Bits(scale):x8}\n");
        }
        return text.ToString();
    }
}
