using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Modeling.Floors;

/// <summary>What follows from how networks stand to simple models.</summary>
internal static class FloorRules
{
    /// <summary>
    /// Why a network is not told to be better than one answer for everything, in a sentence; null where it is, with the confidence of the
    /// interval of its gain. A figure that is merely higher tells nothing: of two classes that are as common, half of all networks that
    /// know neither reach it.
    /// </summary>
    /// <param name="network">What it is, to begin a sentence.</param>
    /// <param name="constant">What answers everything alike, held against the network.</param>
    /// <param name="own">The network's figure that decides.</param>
    public static string? Uselessness(string network, FloorReport constant, MetricValue own)
    {
        if (constant.Verdict() == FloorVerdict.Better) return null;
        var (least, samples) = (constant.Scores.Metrics[0], constant.Scores.Samples);
        var figures = $"its {Threshold.Lowered(own.Title())} is {own.Text()} on {samples} test samples, and {least.Text()} is what "
            + $"{constant.Description} gives";
        if (constant.Gain is not > 0) return $"{network} has learned nothing: {figures}.";
        var (said, some) = ($"{network} cannot be told from one that has learned nothing: {figures}", "data.testShare, data.test");
        if (constant.GainInterval is not { } interval) return $"{said}. Of so few samples nothing can be told; give more ({some}).";
        // The width of an interval falls with the root of the number of samples.
        var enough = samples * Math.Pow((constant.Gain.Value - interval.Low) / constant.Gain.Value, 2);
        return $"{said}; on others of the kind the gain lies between {Units.Text(interval.Low, own.Unit)} and "
            + $"{Units.Text(interval.High, own.Unit)}. If it is real, about {Rounded(enough)} test samples would show it ({some}).";
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

    /// <summary>Two digits, upwards: more would claim what nobody knows.</summary>
    private static string Rounded(double samples)
    {
        var scale = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, samples))) - 1));
        return (Math.Ceiling(samples / scale) * scale).ToString("N0", CultureInfo.InvariantCulture);
    }

    private static string Figure(FloorReport floor)
        => floor.Scores.Metrics is [var figure, ..] ? $"{Threshold.Lowered(figure.Title())} {figure.Text()}" : "not measured";
}
