using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>A float network and how its training went.</summary>
/// <param name="Name">What the page calls it.</param>
/// <param name="Mark">Its colour.</param>
/// <param name="Network">Its figures.</param>
internal sealed record NetworkView(string Name, string Mark, NetworkReport Network);

/// <summary>What a report page shows, of a build as of a quantization run.</summary>
internal sealed record ReportView
{
    /// <summary>What kind of report it is.</summary>
    public required string Kicker { get; init; }

    /// <summary>The model.</summary>
    public required string Title { get; init; }

    /// <summary>One paragraph: what was made of what, when and where.</summary>
    public required string Lead { get; init; }

    /// <summary>Sentences a reader must know before the figures, such as that samples were made up.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The fp32 model that everything is compared with.</summary>
    public required NetworkReport Original { get; init; }

    /// <summary>The float networks of a build; empty where nothing was trained.</summary>
    public IReadOnlyList<NetworkView> Networks { get; init; } = [];

    /// <summary>How the student was found; null where its family was given.</summary>
    public SearchReport? Search { get; init; }

    /// <summary>What each seed reached; null where there was one.</summary>
    public SeedsReport? Seeds { get; init; }

    /// <summary>Simple models beside them.</summary>
    public IReadOnlyList<FloorReport> Floors { get; init; } = [];

    /// <summary>What the student does with each class; null where there are none, and where no student was trained.</summary>
    public DecisionReport? Decisions => Original.Decisions;

    /// <summary>Class names.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Samples of each class by use.</summary>
    public IReadOnlyList<ClassCount> ClassCounts { get; init; } = [];

    /// <summary>What was understood of the data; null where nothing was trained.</summary>
    public DataReport? Data { get; init; }

    /// <summary>Every variant tried.</summary>
    public required IReadOnlyList<VariantReport> Variants { get; init; }

    /// <summary>The processor of the latencies.</summary>
    public required string MeasuredOn { get; init; }

    /// <summary>What was asked.</summary>
    public required QuantizationSpec Spec { get; init; }

    /// <summary>What variants were judged by.</summary>
    public required ReportMeasure Measure { get; init; }

    /// <summary>Title of what is folded away at the end.</summary>
    public required string DetailsTitle { get; init; }

    /// <summary>Sentences of it.</summary>
    public required IReadOnlyList<string> Details { get; init; }

    /// <summary>What was asked, as JSON.</summary>
    public required string Asked { get; init; }

    /// <summary>The page of a build.</summary>
    public static ReportView Of(BuildReport report) => new()
    {
        Kicker = "Build report",
        Title = report.Spec.Model,
        Lead = $"{Capital(report.Student.Description)}, "
            + $"{(report.Teacher is { } teacher ? $"taught by {teacher.Description}"
                : report.Spec.Source is not null ? "as it was given"
                : $"trained on {(report.Task == ModelTask.Anomaly ? "normal samples" : "the labels")} alone")}. Built "
            + $"{Moment(report.StartedAt)} in {Duration(report.Duration)} on {report.MeasuredOn}, seed "
            + $"{report.Spec.Seed}.{Searched(report.Widths)}",
        Warnings = [.. report.Findings, .. WarningsFor(
            report.Calibration, report.Validation), .. report.Student.Scores.Accuracy is null && report.TaskOf() == ModelTask.Classification
            ? [
                "The samples have no labels: what the fp32 model decides counts as right, here and on devices. Agreement is the share "
                    + "decided alike.",
            ] : Array.Empty<string>()],
        Original = report.Student,
        Networks = report.Teacher is { } large
            ? [new("teacher", "mark-teacher", large), new("student", "mark-student", report.Student)]
            : report.Spec.Source is null ? [new("student", "mark-student", report.Student)] : [],
        Search = report.Search,
        Seeds = report.Seeds,
        Floors = report.Floors,
        Classes = report.Classes,
        ClassCounts = report.ClassCounts,
        Data = report.Data,
        Variants = report.Variants,
        MeasuredOn = report.MeasuredOn,
        Spec = report.Spec.Quantization,
        Measure = ReportMeasure.Of(report),
        DetailsTitle = "The build spec and its data",
        Details = [
            $"Samples: {SamplesOf(report)}.", .. report.Data?.Notes ?? [], .. Tried(report.Augmentations),
            .. Tried(report.Courses), .. Turns(report.Generations), .. Folded(report.CrossValidation),
            $"SHA-256 of the data: {report.DataSha256}",
        ],
        Asked = JsonSerializer.Serialize(report.Spec, FleetJson.Indented.BuildSpec),
    };

    /// <summary>The page of a quantization run.</summary>
    public static ReportView Of(QuantizationReport report) => new()
    {
        Kicker = "Quantization report",
        Title = report.Model,
        Lead = $"{Count(report.Parameters)} weights in {Size(report.Bytes)}. Quantized {Moment(report.StartedAt)} in "
            + $"{Duration(report.Duration)}{(report.Expected is { } expected ? $" ({Duration(expected)} expected)" : "")} on "
            + $"{report.MeasuredOn}.",
        Warnings = [
            .. report.Requantized is { } requantized ? [requantized.ToString()] : Array.Empty<string>(),
            .. report.Doubt is { } doubt ? [doubt] : Array.Empty<string>(),
            .. WarningsFor(report.Calibration, report.Validation), .. WarningsFor(report.Parts),
            .. report.Spec.Batch is { } batch and > 1
                ? [$"Variants were judged on batches of {batch} samples, and the choice goes by their speed there."]
                : Array.Empty<string>(),
        ],
        Original = new NetworkReport
        {
            Description = report.Model,
            Parameters = report.Parameters,
            Bytes = report.Bytes,
            Scores = report.Original,
        },
        Variants = report.Variants,
        MeasuredOn = report.MeasuredOn,
        Spec = report.Spec,
        Measure = ReportMeasure.Of(report),
        DetailsTitle = "What was asked, and the samples",
        Details = [
            $"Calibration: {SamplesFrom(report.Calibration)}. Validation: {SamplesFrom(report.Validation)}"
                + $"{(report.Parts is { } parts ? Invariant($"; {parts.Selection} chose, {parts.Report} report") : "")}.",
            $"SHA-256 of the model: {report.Sha256}",
        ],
        Asked = JsonSerializer.Serialize(report.Spec, FleetJson.Indented.QuantizationSpec),
    };

    /// <summary>The profiles, in the order of the variants.</summary>
    public IReadOnlyList<string> Profiles => [.. Variants.Select(variant => variant.Profile).Distinct()];

    /// <summary>True when the decisions of some variant were compared with the fp32 model's.</summary>
    public bool HasAgreement => Variants.Any(variant => variant.Scores?.Agreement is not null);

    /// <summary>True when energy was measured of something: most virtual machines have no counters of it.</summary>
    public bool HasEnergy
        => Original.Scores.EnergyJoules is not null || Variants.Any(variant => variant.Scores?.EnergyJoules is not null);

    private static List<string> WarningsFor(SampleSource? calibration, SampleSource? validation)
    {
        var warnings = new List<string>();
        if (validation?.IsMadeUp == true)
            warnings.Add("The samples that judge are made up (synthetic). Sizes and speeds hold; how close a variant is to the fp32 model "
                + "is a first look and says nothing about real data.");
        else if (calibration?.IsMadeUp == true)
            warnings.Add("The samples that fixed the ranges are made up (synthetic): static int8 will usually do better with real ones.");
        return warnings;
    }

    private static IEnumerable<string> WarningsFor(SampleParts? parts)
    {
        if (parts?.Shared == true)
            yield return "The samples that chose between techniques also report, because there were too few: the figures are too good.";
        else if (parts?.OfCalibration == true)
            yield return "No other samples were given to judge, so that the samples of the calibration were split: some fixed ranges, some "
                + "chose, the rest report.";
    }

    private static IEnumerable<string> Tried(IReadOnlyList<AugmentationTrial> trials)
    {
        if (trials.FirstOrDefault(trial => trial.Used) is { } used)
            yield return $"Variations of samples: {used.Name}; the loss on held-out samples was "
                + string.Join(", ", trials.Select(trial => Invariant($"{trial.Loss:0.000} with {trial.Name}"))) + ".";
    }

    private static IEnumerable<string> Tried(IReadOnlyList<CourseTrial> trials)
    {
        if (trials.FirstOrDefault(trial => trial.Used) is { } used)
            yield return Invariant($"Length of training: {used.Length} times the usual at learning rate {used.LearningRate:0.####}")
                + ", and the loss on held-out samples was "
                + string.Join(", ", trials.Select(trial => Invariant($"{trial.Loss:0.000} at {trial.Length} times"))) + ".";
    }

    private static IEnumerable<string> Turns(IReadOnlyList<GenerationReport> generations) => generations.Select(one =>
        $"{one.Name} ({one.Description}), taught by {one.Teacher}: {one.Test.Text()} on test samples"
            + $"{(one.HeldOut is { } heldOut ? $", {heldOut.Text()} on those that chose" : "")}{(one.Kept ? ", which is built" : "")}.");

    private static IEnumerable<string> Folded(CrossValidationReport? found)
    {
        if (found is not null)
            yield return Invariant($"Cross-validation on {found.Folds} folds of the training samples ({found.Trainings} trainings): ")
                + $"{string.Join("; ", found.Networks)}. What is built learned from all of them.";
    }

    private static string Searched(IReadOnlyList<WidthTrial>? tried)
    {
        if (tried?.Where(trial => trial.Fits).MaxBy(trial => trial.Width) is not { } best) return "";
        string Told(WidthTrial trial)
            => $"{trial.Width} ({Size(trial.Bytes)}{(trial.LatencyP95 is { } latency
                ? $", {latency.TotalMilliseconds.ToString("0.000", CultureInfo.InvariantCulture)} ms"
                : "")})";
        var beyond = tried.Where(trial => trial.Width > best.Width).MinBy(trial => trial.Width);
        return $" Its width was searched: of {tried.Count} tried, {Told(best)} is the largest within the "
            + $"budget{(beyond is null ? "" : $"; {Told(beyond)} is not")}.";
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string SamplesOf(BuildReport report) => report.Validation is { } validation
        ? $"calibration {SamplesFrom(report.Calibration)}; validation {SamplesFrom(validation)}"
        : string.Create(CultureInfo.InvariantCulture,
            $"{report.Samples.Training} to learn from, {report.Samples.Validation} to select by, {report.Samples.Test} to judge by")
            + (report.Samples.Unlabelled is { } more ? Invariant($", {more} without labels to ask the teacher about") : "");

    private static string SamplesFrom(SampleSource? source) => source switch
    {
        null => "none",
        { IsMadeUp: true } => string.Create(CultureInfo.InvariantCulture,
            $"{source.Count} made up (synthetic{(source.Shapes is { Count: > 0 } shapes ? $"; {string.Join(", ", shapes)}" : "")})"),
        _ => string.Create(CultureInfo.InvariantCulture,
            $"{source.Count} of {source.From}{(source.Preprocessing is { } used ? $" ({used})" : "")}")
            + (source.Unread is { } unread ? $"; not read: {string.Join(", ", unread)}" : ""),
    };
}
