using Fleet.Quantization.Onnx;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.FrontEnds;

/// <summary>Computes features with the operators that an exported model begins with.</summary>
internal static class FeatureRun
{
    private const int AtOnce = 64;

    /// <param name="frontEnd">What computes them.</param>
    /// <param name="count">Samples.</param>
    /// <param name="samples">Values of the samples from one on, so many, as an application gives them.</param>
    /// <param name="features">Told the features of the samples from one on.</param>
    public static void Run(
        FrontEnd frontEnd, int count, Func<int, int, Memory<float>> samples, Action<int, ReadOnlySpan<float>> features)
    {
        using var session = OnnxRuntimeSession.Open(frontEnd.Model().ToByteArray(), "front end");
        using var options = new RunOptions();
        for (var start = 0; start < count; start += AtOnce)
        {
            var some = Math.Min(AtOnce, count - start);
            using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance,
                samples(start, some), [some, .. frontEnd.InputShape.Select(extent => (long)extent)]);
            using var outputs = session.Run(options, [FrontEnd.Input], [input], [FrontEnd.Output]);
            features(start, outputs[0].GetTensorDataAsSpan<float>());
        }
    }
}
