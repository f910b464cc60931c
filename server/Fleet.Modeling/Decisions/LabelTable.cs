using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Decisions;

/// <summary>What a network does with each label where samples have several.</summary>
internal static class LabelTable
{
    /// <param name="samples">Test samples.</param>
    /// <param name="outputs">A row of logits for each; none where nothing was asked.</param>
    /// <returns>A row for each label; none where samples have one class.</returns>
    public static IReadOnlyList<LabelFigures> Of(SampleSet samples, float[] outputs)
    {
        if (samples.Labels is not LabelSets sets || outputs.Length == 0) return [];
        return [
            .. LabelSetScore.Count(outputs, sets.Given, sets.Columns).Select((counts, label) => new LabelFigures(
                (int)counts.There, counts.Recall, counts.Precision, counts.F1, AveragePrecision(outputs, sets, label))),
        ];
    }

    private static double? AveragePrecision(float[] outputs, LabelSets sets, int label)
        => new Ranking(Enumerable.Range(0, sets.Count).Select(sample => outputs[sample * sets.Columns + label]),
            Enumerable.Range(0, sets.Count).Select(sample => sets.Row(sample)[label] > 0)).AveragePrecision() is var area
            && double.IsFinite(area) ? area : null;
}
