using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Classification: the class with the largest score, against labels and against what the float model decided.</summary>
internal sealed class DecisionScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<long> _decided = [], _reference = [];

    private protected override void Take(int sample, SampleOutput output)
    {
        var scores = output(Outputs[0], out var columns);
        if (scores.IsEmpty || scores.Length != columns)
            throw new FormatException(
                $"Output '{Outputs[0]}' has {scores.Length} values in rows of {columns} for a sample; a class is decided by one row of "
                    + $"scores.");
        _decided.Add(ClassificationScore.Decide(scores));
        if (Compares(Outputs[0])) _reference.Add(ClassificationScore.Decide(Truth.Reference(Outputs[0], sample)));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        long[] decided = [.. _decided];
        if (Truth.Classes is { } labels)
        {
            yield return MetricValue.Of(Metric.Accuracy, ClassificationScore.Accuracy(decided, labels, weights));
            yield return MetricValue.Of(Metric.MacroF1, ClassificationScore.MacroF1(decided, labels, weights));
        }
        if (Compares(Outputs[0]))
            yield return MetricValue.Of(Metric.Agreement, ClassificationScore.Accuracy(decided, [.. _reference], weights));
    }
}
