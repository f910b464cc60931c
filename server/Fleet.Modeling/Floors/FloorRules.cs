using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Floors;

/// <summary>What follows from how networks stand to simple models.</summary>
internal static class FloorRules
{
    /// <summary>Ends a build whose network is no better than one answer for everything: it learned nothing.</summary>
    /// <param name="network">What it is, to begin a sentence.</param>
    /// <param name="outputs">Its answers to the test samples, row by row.</param>
    /// <param name="constant">What answers everything alike.</param>
    /// <param name="test">The test samples.</param>
    /// <param name="remedy">What to try.</param>
    /// <exception cref="BuildException">It is no better.</exception>
    public static void RequireMoreThan(Floor constant, string network, float[] outputs, SampleSet test, string remedy)
    {
        var (own, least) = (test.Labels.Score(outputs)[0], test.Labels.Score(constant.Outputs)[0]);
        if (own.Goodness() > least.Goodness()) return;
        throw new BuildException(
            $"{network} has learned nothing: its {own.Title().ToLowerInvariant()} is {own.Text()} on {test.Count} test samples, and "
                + $"{least.Text()} is what {constant.Description} gives. {remedy}");
    }

    /// <summary>What a reader of the report must know before its figures.</summary>
    /// <param name="floors">What the student is held against.</param>
    /// <param name="isLinear">The student is a linear model itself, which need not be better than one.</param>
    public static IEnumerable<string> Findings(IReadOnlyList<FloorReport> floors, bool isLinear = false)
    {
        if (isLinear) floors = [.. floors.Where(floor => floor.Name != FloorReport.Linear || floor.Verdict() == FloorVerdict.Worse)];
        foreach (var floor in floors.Where(floor => floor.Verdict() is FloorVerdict.Worse or FloorVerdict.NoBetter))
        {
            var isWorse = floor.Verdict() == FloorVerdict.Worse;
            yield return floor.Name == FloorReport.LabelsAlone
                ? $"The teacher gave nothing that shows: the same student does {(isWorse ? "better" : "as well")} on the labels alone "
                    + $"({Figure(floor)}). Try a teacher that is better than it, unlabelled samples to ask it about, or another loss; or "
                    + "keep the student that needs no teacher."
                : $"The student is {(isWorse ? "worse than" : "no better than")} {floor.Description} ({Figure(floor)})."
                    + (isWorse ? " Try a wider student, more steps, augmentation or more samples; or serve the simple model." : "");
        }
        string[] close = [
            .. floors.Where(floor => floor.Verdict() == FloorVerdict.NotToldApart)
                .Select(floor => floor.Name == FloorReport.LabelsAlone ? "itself on the labels alone" : floor.Description),
        ];
        if (close.Length > 0)
            yield return $"On so few samples the student cannot be told apart from {string.Join(", ", close)}.";
    }

    private static string Figure(FloorReport floor)
        => floor.Scores.Metrics is [var figure, ..] ? $"{figure.Title().ToLowerInvariant()} {figure.Text()}" : "not measured";
}
