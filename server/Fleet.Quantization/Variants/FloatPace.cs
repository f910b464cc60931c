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

    /// <summary>Runs it on a few samples; it is warm where it was judged.</summary>
    public static FloatPace Measure(Bench bench, ModelProto model, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(bench.Baseline.Samples, Samples);
        var begun = CpuClock.Now(everyThread: false);
        AllOutputs.Of(bench.Baseline.Session, few, cancellationToken);
        var told = CpuClock.Now(everyThread: false);
        return new FloatPace(bench.Opening, CpuClock.Between(begun, told) / few.Count, model.Graph.Initializer.Sum(Tensors.Elements));
    }
}
