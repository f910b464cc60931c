using System.Runtime.InteropServices;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Several labels a sample: those that are given, against those that are there and those that the float model gave.</summary>
internal sealed class LabelScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<float> _given = [], _reference = [];
    private int _columns;

    private protected override void Take(int sample, SampleOutput output)
    {
        var logits = output(Outputs[0], out _);
        _columns = Truth.Values is { } labels ? labels.Length / Truth.Samples : logits.Length;
        if (logits.IsEmpty || logits.Length != _columns)
            throw new FormatException(
                $"Output '{Outputs[0]}' has {logits.Length} values for a sample; each of the {_columns} labels has one.");
        _given.AddRange(logits);
        if (Compares(Outputs[0])) _reference.AddRange(Truth.Reference(Outputs[0], sample));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        // Asked a thousand times for an interval: counted once, where it lies.
        var given = CollectionsMarshal.AsSpan(_given);
        var figures = new List<MetricValue>();
        if (Truth.Values is { } labels)
        {
            var counts = LabelSetScore.Count(given, labels, Math.Max(1, _columns), weights);
            figures.Add(MetricValue.Of(Metric.MicroF1, LabelSetScore.MicroF1(counts)));
            figures.Add(MetricValue.Of(Metric.MacroF1, LabelSetScore.MacroF1(counts)));
        }
        if (Compares(Outputs[0]))
            figures.Add(MetricValue.Of(Metric.Agreement,
                LabelSetScore.Agreement(given, CollectionsMarshal.AsSpan(_reference), Math.Max(1, _columns), weights)));
        return figures;
    }
}
