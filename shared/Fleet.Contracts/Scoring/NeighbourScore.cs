using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Embedding: who is near whom, against the float model's neighbourhoods.</summary>
internal sealed class NeighbourScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<float> _vectors = [], _reference = [];
    private int[]? _shared;

    private protected override void Take(int sample, SampleOutput output)
    {
        if (!Compares(Outputs[0])) return;
        _shared = null;
        _vectors.AddRange(output(Outputs[0], out _));
        _reference.AddRange(Truth.Reference(Outputs[0], sample));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        // Who is near whom does not change with how often a sample counts, so that it is found once.
        _shared ??= EmbeddingScore.SharedBy([.. _vectors], [.. _reference], Truth.Samples, EmbeddingScore.Neighbours);
        if (_shared is null) yield break;
        var (shared, all) = (0L, 0L);
        for (var i = 0; i < _shared.Length; i++) (shared, all) = (shared + (long)weights[i] * _shared[i], all + weights[i]);
        var wanted = Math.Min(EmbeddingScore.Neighbours, Truth.Samples - 1);
        if (all > 0) yield return MetricValue.Of(Metric.RecallAt10, (double)shared / (all * wanted));
    }
}
