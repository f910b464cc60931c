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
    /// <param name="enough">How many test samples of the same labels would tell a model without an error; see <see cref="TooFew"/>.</param>
    /// <param name="mayRepeat">True where another seed would have other test samples.</param>
    public static string? Uselessness(string network, FloorReport constant, MetricValue own, int? enough, bool mayRepeat)
    {
        if (constant.Verdict() == FloorVerdict.Better) return null;
        var (least, samples) = (constant.Scores.Metrics[0], constant.Scores.Samples);
        var figures = $"its {Threshold.Lowered(own.Title())} is {own.Text()} on {samples} test samples, and {least.Text()} is what "
            + $"{constant.Description} gives";
        var said = $"{network} cannot be told from one that has learned nothing: {figures}";
        if (TooFew(samples, constant.Description, enough, mayRepeat) is { } why) return $"{said}. {why}";
        if (constant.Gain is not > 0) return $"{network} has learned nothing: {figures}.";
        if (constant.GainInterval is not { } interval) return $"{said}.";
        // The width of an interval falls with the root of the number of samples.
        var more = samples * Math.Pow((constant.Gain.Value - interval.Low) / constant.Gain.Value, 2);
        return $"{said}; on others of the kind the gain lies between {Units.Text(interval.Low, own.Unit)} and "
            + $"{Units.Text(interval.High, own.Unit)}. If it is real, about {Rounded(more)} test samples would show it "
            + $"({Remedy(mayRepeat)}).";
    }

    /// <summary>Why nothing at all can be told on so many test samples, in a sentence; null where something can.</summary>
    /// <param name="samples">Test samples.</param>
    /// <param name="constant">What answers everything alike.</param>
    /// <param name="enough">
    /// How many of them, of the same labels, would tell a model without an error from it; at most so many where these do,
    /// <see cref="int.MaxValue"/> where that is no better on these, and null where nobody found how many.
    /// </param>
    /// <param name="mayRepeat">True where another seed would have other test samples.</param>
    public static string? TooFew(int samples, string constant, int? enough, bool mayRepeat)
    {
        if (enough <= samples) return null;
        var said = $"On {samples} test sample{(samples == 1 ? "" : "s")} even a model without an error could not be told from {constant}";
        return enough switch
        {
            null => $"{said}; it would take many more, and of more things where those have a group ({Remedy(mayRepeat)}).",
            int.MaxValue => $"{said}, which is as good on them. Give test samples with other labels (data.testShare, data.test).",
            _ => $"{said}; {enough} with labels in the same proportion would do ({Remedy(mayRepeat)}).",
        };
    }

    private static string Remedy(bool mayRepeat) => !mayRepeat ? "data.testShare, data.test"
        : "data.testShare, data.test; or seeds 5, which trains five times, tests on other samples each time and judges by all";

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
