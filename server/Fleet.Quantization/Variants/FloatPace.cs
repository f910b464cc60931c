using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;

namespace Fleet.Quantization.Variants;

/// <summary>What the float model takes here, in processor time, which whatever else the machine does hardly lengthens.</summary>
/// <param name="Open">To open it.</param>
/// <param name="Call">To run it on a sample.</param>
/// <param name="Weights">Weights in it.</param>
internal sealed record FloatPace(TimeSpan Open, TimeSpan Call, long Weights)
{
    /// <summary>Samples that it is run on.</summary>
    private const int Samples = 2;

    /// <summary>Opens it and runs it on a few samples, once to warm up and once to tell.</summary>
    public static FloatPace Measure(ModelProto model, IFeedSource samples, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(samples, Samples);
        var begun = CpuClock.Now(everyThread: false);
        using var session = OnnxRuntimeSession.Open(model, "the float model");
        var opened = CpuClock.Now(everyThread: false);
        AllOutputs.Of(session, few, cancellationToken);
        var warm = CpuClock.Now(everyThread: false);
        AllOutputs.Of(session, few, cancellationToken);
        var told = CpuClock.Now(everyThread: false);
        return new FloatPace(Between(begun, opened), Between(warm, told) / few.Count, model.Graph.Initializer.Sum(Tensors.Elements));
    }

    private static TimeSpan Between(long from, long to) => TimeSpan.FromTicks((to - from) / TimeSpan.NanosecondsPerTick);
}
