using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>A class for each sample.</summary>
/// <param name="Numbers">Class numbers, counted from 0.</param>
internal sealed record ClassLabels(long[] Numbers) : SampleLabels
{
    /// <inheritdoc/>
    public override int Count => Numbers.Length;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes<long>(Numbers);

    /// <inheritdoc/>
    public override long GroupOf(int sample) => Numbers[sample];

    /// <inheritdoc/>
    public override ClassLabels Pick(IReadOnlyList<int> samples) => new([.. samples.Select(sample => Numbers[sample])]);

    /// <inheritdoc/>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs)
    {
        var columns = outputs.Length / Math.Max(1, Count);
        var decided = new long[Count];
        for (var sample = 0; sample < Count; sample++)
            decided[sample] = ClassificationScore.Decide(outputs.Slice(sample * columns, columns));
        return
        [
            MetricValue.Of(Metric.Accuracy, ClassificationScore.Accuracy(decided, Numbers)),
            MetricValue.Of(Metric.MacroF1, ClassificationScore.MacroF1(decided, Numbers)),
        ];
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays()
        => new Dictionary<string, NpyArray> { [ClassificationTask.LabelsName] = NpyArray.Of(Numbers, Count) };
}
