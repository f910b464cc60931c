using System.Runtime.InteropServices;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Anomalies: how well scores tell them from normal samples, and what the threshold makes of them.</summary>
internal sealed class AnomalyScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<float> _scores = [], _reference = [];
    private Ranking? _ranking;

    private protected override void Take(int sample, SampleOutput output)
    {
        var values = output(Outputs[0], out _);
        if (values is not [var score])
            throw new FormatException($"Output '{Outputs[0]}' has {values.Length} values for a sample; a score is one.");
        _scores.Add(score);
        _ranking = null;
        if (Compares(Outputs[0])) _reference.AddRange(Truth.Reference(Outputs[0], sample));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        var figures = new List<MetricValue>();
        if (Truth.Classes is { } labels)
        {
            // Asked a thousand times for an interval: sorted once.
            _ranking ??= new Ranking(_scores, labels.Take(_scores.Count).Select(label => label > 0));
            figures.AddRange(AnomalyMetrics.Of(_ranking, CollectionsMarshal.AsSpan(_scores), labels, weights));
        }
        if (Compares(Outputs[0])) figures.Add(MetricValue.Of(Metric.Agreement, Agreement(weights)));
        return figures;
    }

    private double Agreement(SampleWeights weights)
    {
        var (alike, all) = (0L, 0L);
        for (var sample = 0; sample < _scores.Count; sample++)
        {
            all += weights[sample];
            if (AnomalyTask.IsAnomaly(_scores[sample]) == AnomalyTask.IsAnomaly(_reference[sample])) alike += weights[sample];
        }
        return (double)alike / Math.Max(1, all);
    }
}
