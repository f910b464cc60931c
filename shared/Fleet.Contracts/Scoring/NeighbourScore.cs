using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Embedding: who is near whom, against the float model's neighbourhoods.</summary>
internal sealed class NeighbourScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<float> _vectors = [], _reference = [];

    private protected override void Take(int sample, SampleOutput output)
    {
        if (!Compares(Outputs[0])) return;
        _vectors.AddRange(output(Outputs[0], out _));
        _reference.AddRange(Truth.Reference(Outputs[0], sample));
    }

    private protected override IEnumerable<MetricValue> Figures()
        => EmbeddingScore.Recall([.. _vectors], [.. _reference], Truth.Samples) is { } recall
            ? [MetricValue.Of(Metric.RecallAt10, recall)]
            : [];
}
