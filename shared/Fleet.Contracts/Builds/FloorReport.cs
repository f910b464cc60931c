using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>
/// A model that costs next to nothing, judged on the samples that the networks are judged on: what they have to be better than.
/// </summary>
/// <param name="Name">One of <see cref="Names"/>.</param>
/// <param name="Description">What it is, for people.</param>
/// <param name="Scores">What was measured of it.</param>
public sealed record FloorReport(string Name, string Description, Scores Scores)
{
    /// <summary>
    /// The commonest class, or the mean; a linear model; the nearest training sample; random convolutions of series; the student without
    /// its teacher. Of anomalies: one score for all, and distances from the mean, from principal components and from the nearest sample.
    /// </summary>
    public static readonly IReadOnlyList<string> Names = [
        Majority, Mean, Linear, "nearest", "kernels", LabelsAlone, "constant", "distance", "pca",
    ];

    /// <summary>The commonest class.</summary>
    public const string Majority = "majority";

    /// <summary>The mean of the labels.</summary>
    public const string Mean = "mean";

    /// <summary>A linear model.</summary>
    public const string Linear = "linear";

    /// <summary>The student as it is when it learns from the labels alone, as many steps.</summary>
    public const string LabelsAlone = "labels-alone";

    /// <summary>Between which values its figures lie.</summary>
    public IReadOnlyList<MetricInterval> Intervals { get; set; } = [];

    /// <summary>
    /// By how much the student is better in the metric that decides, in its unit; below zero where it is worse. Absent where it could not
    /// be told.
    /// </summary>
    public double? Gain { get; init; }

    /// <summary>Between which values that lies; absent for too few samples.</summary>
    public MetricInterval? GainInterval { get; init; }

    /// <summary>The verdict in words.</summary>
    public string VerdictText() => Verdict() switch
    {
        FloorVerdict.Better => "better",
        FloorVerdict.NotToldApart => "not told apart",
        FloorVerdict.NoBetter => "no better",
        FloorVerdict.Worse => "worse",
        _ => "not measured",
    };

    /// <summary>What the gain says.</summary>
    public FloorVerdict Verdict() => Gain is not { } gain ? FloorVerdict.Unknown
        : GainInterval is { Low: > 0 } ? FloorVerdict.Better
        : gain < 0 && GainInterval is not { High: >= 0 } ? FloorVerdict.Worse
        : gain > 0 ? FloorVerdict.NotToldApart
        : FloorVerdict.NoBetter;
}

/// <summary>How a student stands to a floor.</summary>
public enum FloorVerdict
{
    /// <summary>It could not be measured.</summary>
    Unknown,

    /// <summary>Worse, with a confidence of 95 %.</summary>
    Worse,

    /// <summary>No better on these samples.</summary>
    NoBetter,

    /// <summary>Better on these samples, and on others of the kind perhaps not.</summary>
    NotToldApart,

    /// <summary>Better, with a confidence of 95 %.</summary>
    Better,
}
