using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>
/// A variant in ONNX Runtime's own format beside its ONNX file: already optimized, and read by builds of the runtime that cannot read ONNX.
/// Of UltraFace in int8 it has a third more bytes and opens in about a third of the time.
/// </summary>
internal static class OrtFormat
{
    /// <summary>The word in a spec.</summary>
    public const string Name = "ort";

    /// <summary>Samples on which it must answer as the ONNX file.</summary>
    private const int ComparedSamples = 4;

    /// <summary>Decibels to which it must: another order of sums stays above this.</summary>
    private const double SmallestSignalToNoise = 60;

    private const string SaveFormat = "session.save_model_format";

    /// <summary>Why the variants of another machine have none.</summary>
    public const string OnlyHere = "It was not written in ORT format: the runtime fuses operators for the processor that writes it, and "
        + "this profile's is another one.";

    /// <summary>Writes it, and says what came of it in a sentence.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="settings">What the runtime is told here.</param>
    /// <param name="samples">Samples of the model.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    public static string Write(string file, RuntimeSettings settings, IFeedSource samples, CancellationToken cancellationToken)
    {
        if (settings.SessionEntries.GetValueOrDefault(NeededSettings.NoQuantized) == "1")
            return "It was not written in ORT format: there its weights would be float again, since that format holds what the runtime has "
                + "folded.";
        var path = Path.ChangeExtension(file, Name);
        var saving = settings with { SessionEntries = new Dictionary<string, string>(settings.SessionEntries) { [SaveFormat] = "ORT" } };
        // Without the last level, whose layouts are this very processor's.
        OnnxRuntimeSession.SaveOptimized(file, path, GraphOptimizationLevel.ORT_ENABLE_EXTENDED, saving);
        double decibels;
        using (var onnx = OnnxRuntimeSession.Open(file, settings))
        using (var ort = OnnxRuntimeSession.Open(path, settings))
        {
            var few = new FirstFeeds(samples, ComparedSamples);
            decibels = AllOutputs.Of(ort, few, cancellationToken).Against(AllOutputs.Of(onnx, few, cancellationToken)).SignalToNoise;
        }
        if (decibels >= SmallestSignalToNoise)
            return string.Create(CultureInfo.InvariantCulture, $"In ORT format it is {Path.GetFileName(path)} beside it, ")
                + string.Create(CultureInfo.InvariantCulture, $"{new FileInfo(path).Length:N0} bytes, for ONNX Runtime ")
                + $"{ThisMachine.OnnxRuntime} or later and processors with the 8-bit products of this one.";
        File.Delete(path);
        return string.Create(CultureInfo.InvariantCulture,
            $"It was not written in ORT format: there it answers otherwise than the ONNX file ({decibels:0.0} dB).");
    }
}
