using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>What networks reach with each of several seeds (<c>seeds</c>), in the metric that decides for the task.</summary>
public sealed record SeedsReport
{
    /// <summary>Names of networks, beside <see cref="FloorReport.LabelsAlone"/>; the last one answers everything alike.</summary>
    public const string Teacher = "teacher", Student = "student", Constant = "constant";

    /// <summary>Each seed in turn. The first is that of the report and its variants; the student of no other is exported.</summary>
    public required IReadOnlyList<SeedReport> Each { get; init; }

    /// <summary>
    /// True where each seed has test samples of its own. Intervals then tell of other samples too; elsewhere only of other seeds, on the
    /// same test samples, or on the same anomalies among others.
    /// </summary>
    public required bool CutsTest { get; init; }

    /// <summary><c>teacher</c> where there is one, <c>student</c>, <c>labels-alone</c> where that was trained, and the constant.</summary>
    public required IReadOnlyList<SeedsFigure> Networks { get; init; }

    /// <summary>
    /// By how much the student is better than <c>labels-alone</c> and than the constant, seed by seed, below zero where it is worse; the
    /// name says than which.
    /// </summary>
    public required IReadOnlyList<SeedsFigure> Gains { get; init; }

    /// <summary>Trainings of teacher and student that it took, with those of the report.</summary>
    [JsonIgnore] public int Count => Each.Count;

    /// <summary>As a sentence for people.</summary>
    public override string ToString() => $"{Count} seeds, {Each[0].Seed} to {Each[^1].Seed}, "
        + (CutsTest ? "each with test samples of its own" : "with test samples in common, so that intervals tell of seeds alone")
        + $"; what is released is of seed {Each[0].Seed}, the first";
}

/// <summary>What was trained with one seed.</summary>
/// <param name="Seed">The seed; a spec with it builds the same.</param>
/// <param name="Description">Family and width of the student.</param>
/// <param name="Training">Samples that it learned from.</param>
/// <param name="Test">Test samples.</param>
/// <param name="Student">What the student reached on them, as the float network it is.</param>
public sealed record SeedReport(int Seed, string Description, int Training, int Test, MetricValue Student)
{
    /// <summary>What the teacher reached; absent without one.</summary>
    public MetricValue? Teacher { get; init; }

    /// <summary>What the student without its teacher reached; absent where that was not trained.</summary>
    public MetricValue? LabelsAlone { get; init; }

    /// <summary>What one answer for everything reaches; absent where nothing does.</summary>
    public MetricValue? Constant { get; init; }

    /// <summary>The figure of one of <see cref="SeedsReport.Networks"/>; null where it has none.</summary>
    public MetricValue? Of(string network) => network switch
    {
        SeedsReport.Teacher => Teacher,
        SeedsReport.Student => Student,
        FloorReport.LabelsAlone => LabelsAlone,
        SeedsReport.Constant => Constant,
        _ => null,
    };
}

/// <summary>A figure over all seeds.</summary>
/// <param name="Name">Whose, or a gain over whom.</param>
/// <param name="Mean">The mean.</param>
/// <param name="Deviation">Standard deviation over the seeds (n - 1).</param>
/// <param name="Interval">
/// Where the mean lies with a confidence of 95 %, by Student's t; where each seed has test samples of its own it is widened for what
/// seeds have in common (Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003).
/// </param>
public sealed record SeedsFigure(string Name, MetricValue Mean, double Deviation, MetricInterval Interval);
