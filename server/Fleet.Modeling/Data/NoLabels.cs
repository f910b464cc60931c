using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Samples that have no labels until a teacher has answered them.</summary>
/// <param name="Number">Samples.</param>
internal sealed record NoLabels(int Number) : SampleLabels
{
    /// <inheritdoc/>
    public override int Count => Number;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => [];

    /// <inheritdoc/>
    public override long GroupOf(int sample) => 0;

    /// <inheritdoc/>
    public override NoLabels Pick(IReadOnlyList<int> samples) => new(samples.Count);

    /// <summary>Nothing can be held against what is not there.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs)
        => throw new InvalidOperationException("Samples without labels judge nothing.");

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays() => new Dictionary<string, NpyArray>();
}
