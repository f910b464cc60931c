using Fleet.Quantization.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.FrontEnds;

/// <summary>Computes features with the operators that an exported model begins with.</summary>
internal static class FeatureRun
{
    private const int AtOnce = 64;

    /// <param name="frontEnd">What computes them.</param>
    /// <param name="inputs">Samples as an application gives them, one after the other.</param>
    /// <returns>Their features, one after the other.</returns>
    public static float[] Of(FrontEnd frontEnd, float[] inputs)
    {
        int Length(IReadOnlyList<int> shape) => shape.Aggregate(1, (product, extent) => product * extent);
        var (length, width) = (Length(frontEnd.InputShape), Length(frontEnd.OutputShape));
        var count = inputs.Length / length;
        if ((long)count * width > Array.MaxLength)
            throw new BuildException($"{count:N0} samples make {(long)count * width:N0} features, more than one array can hold: ask for "
                + "fewer bands or a longer hop (data.features), or give fewer samples.");
        var features = new float[count * width];
        using var session = OnnxRuntimeSession.Open(frontEnd.Model().ToByteArray(), "front end");
        using var options = new RunOptions();
        for (var start = 0; start < count; start += AtOnce)
        {
            var some = Math.Min(AtOnce, count - start);
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance,
                inputs.AsMemory(start * length, some * length), [some, .. frontEnd.InputShape.Select(extent => (long)extent)]);
            using var outputs = session.Run(options, [FrontEnd.Input], [input], [FrontEnd.Output]);
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(features.AsSpan(start * width));
        }
        return features;
    }
}
