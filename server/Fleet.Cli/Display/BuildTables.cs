using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Display;

/// <summary>A build report as two tables: the float networks, then every variant with its verdict, the chosen ones marked.</summary>
internal static class BuildTables
{
    public static void Write(Shell screen, BuildReport report)
    {
        screen.WriteHeading(
            $"{report.Spec.Model}: {Figures.Count(report.Samples.Training)} training, {Figures.Count(report.Samples.Validation)} "
                + $"validation, {Figures.Count(report.Samples.Test)} test samples{SampleText.Beside(report.Samples)}; "
                + $"{DurationText.Of(report.Duration)} on {report.MeasuredOn}");
        screen.WriteLine();
        SearchTable.Write(screen, report);
        var named = report.Teacher is { } teacher
            ? [("teacher", teacher), ("student", report.Student)]
            : new[] { (report.Spec.Source is null ? "student" : "model", report.Student) };
        var scores = new ScoreColumn(named.Select(network => (Scores?)network.Item2.Scores));
        var networks = new Sheet("network", "kind", ">parameters", ">size", $">{scores.Title}", ">p50 ms");
        foreach (var (name, network) in named)
            networks.Add(
                name, network.Description, network.Parameters, Figures.Bytes(network.Bytes), scores.Of(network.Scores)
                    ?? Figures.None, Figures.BareMilliseconds(network.Scores.Latency?.P50));
        screen.Write(networks);
        screen.WriteLine();

        var measure = ReportMeasure.Of(report);
        WriteFloors(screen, report, measure);
        SeedTable.Write(screen, report, measure);
        if (report.CrossValidation is { } folds)
        {
            screen.WriteSentence($"Cross-validation on {folds.Folds} folds ({folds.Trainings} trainings): "
                + $"{string.Join("; ", folds.Networks)}.");
            screen.WriteLine();
        }
        ClassTable.Write(screen, report);
        var agrees = report.Variants.Any(variant => variant.Scores?.Agreement is not null);
        var alarms = report.Variants.Any(variant => variant.FalsePositives is not null);
        var ranges = report.Variants.Any(variant => variant.Intervals.Count > 0);
        var variants = new Sheet([
            "variant", "scheme?", ">size", HeadingOf(measure), .. ranges ? [">95 %?"] : Array.Empty<string>(),
            .. agrees ? [">agrees"] : Array.Empty<string>(), .. alarms ? [">false alarms"] : Array.Empty<string>(),
            ">p50 ms", ">speed", ">speed 95 %?", ">memory?", ">energy?", "settings?", "verdict",
        ]);
        foreach (var variant in report.Variants)
        {
            variants.Add([
                variant.Id, Figures.Scheme(variant), Figures.Bytes(variant.Bytes), FigureOf(measure, variant),
                .. ranges ? [RangeOf(measure, variant)] : Array.Empty<Cell>(),
                .. agrees ? [Figures.Percent(variant.Scores?.Agreement)] : Array.Empty<Cell>(),
                .. alarms ? [AlarmsOf(variant)] : Array.Empty<Cell>(),
                Figures.BareMilliseconds(variant.Scores?.Latency?.P50), SpeedOf(variant), SpeedRangeOf(variant),
                Figures.Bytes(variant.Scores?.PeakMemoryBytes), Figures.Energy(variant.Scores?.EnergyJoules),
                variant.Runtime.EntriesText(), Verdict(variant),
            ]);
        }
        screen.Write(variants);
        WriteReasons(screen, report.Variants);
    }

    private static Cell AlarmsOf(VariantReport variant) => variant.FalsePositives is not { } alarms ? Figures.None
        : FormattableString.Invariant($"{100 * alarms.Rate:0.#} % ({100 * alarms.Low:0.#} to {100 * alarms.High:0.#})");

    /// <summary>What to know of each variant below its table; what holds for several is said once.</summary>
    public static void WriteReasons(Shell screen, IReadOnlyList<VariantReport> variants)
    {
        if (variants.Any(variant => variant.Reasons.Count > 0)) screen.WriteLine();
        foreach (var reason in variants.SelectMany(variant => variant.Reasons).Distinct())
        {
            var alike = variants.Where(variant => variant.Reasons.Contains(reason)).Select(variant => variant.Id);
            screen.WriteSentence($"{string.Join(", ", alike)}: {reason}");
        }
    }

    private static void WriteFloors(Shell screen, BuildReport report, ReportMeasure measure)
    {
        if (report.Floors.Count > 0)
        {
            var floors = new Sheet("floor", "kind?", $">{measure.Title} (95 %)", ">student better by", "the student is");
            foreach (var floor in report.Floors)
                floors.Add(floor.Name, floor.Description, measure.Of(floor) ?? Figures.None, measure.GainOver(floor) ?? Figures.None,
                    new Cell(floor.VerdictText(), floor.Verdict() is FloorVerdict.Worse or FloorVerdict.NoBetter ? Tone.Bad : Tone.Plain));
            screen.Write(floors);
            screen.WriteLine();
        }
        foreach (var finding in report.Findings) screen.WriteSentence(finding);
        if (report.Findings.Count > 0) screen.WriteLine();
    }

    /// <summary>Heading of the column of what variants were judged by.</summary>
    public static string HeadingOf(ReportMeasure measure) => measure.IsCloseness ? ">snr db" : $">{measure.Title}";

    /// <summary>The cell of a variant in that column.</summary>
    public static string FigureOf(ReportMeasure measure, VariantReport variant)
        => measure.IsCloseness ? Figures.Decibels(variant.Closeness?.SignalToNoise)
        : measure.Of(variant) is { } figure ? measure.Text(figure.Value) : Figures.None;

    /// <summary>Where that figure lies, with a confidence of 95 %.</summary>
    public static string RangeOf(ReportMeasure measure, VariantReport variant)
        => variant.Intervals.FirstOrDefault(one => one.Name == measure.Name) is not { } interval ? Figures.None
            : measure.IsCloseness ? $"{Figures.Decibels(interval.Low)} to {Figures.Decibels(interval.High)}"
            : measure.Text(interval);

    /// <summary>The same on whole batches.</summary>
    public static string BatchedOf(VariantReport variant)
        => variant.Batch is { } batch ? FormattableString.Invariant($"{batch.SpeedUp:0.00}x") : Figures.None;

    /// <summary>How many times as fast as fp32 it was measured to be; what was not measured is called an estimate.</summary>
    public static string SpeedOf(VariantReport variant)
        => variant.SpeedUp is { } factor ? FormattableString.Invariant($"{factor:0.00}x")
            : variant.EstimatedSpeedUp is { } estimate ? FormattableString.Invariant($"est. {estimate:0.0}x")
            : Figures.None;

    /// <summary>Where the measured speed lies, with a confidence of 95 %.</summary>
    public static string SpeedRangeOf(VariantReport variant)
        => variant.SpeedUpInterval is { } interval
            ? FormattableString.Invariant($"{interval.Low:0.00} to {interval.High:0.00}")
            : Figures.None;

    /// <summary>The verdict on a variant: one is chosen for each profile, and what is beaten in everything is not released.</summary>
    public static Cell Verdict(VariantReport variant) => variant switch
    {
        { Chosen: true, ReachesPastLimit: true } => new Cell("* chosen, unsure", Tone.Good),
        { Chosen: true } => new Cell("* chosen", Tone.Good),
        { Artifact: null } => new Cell("not made"),
        { Accepted: false } => new Cell("rejected", Tone.Bad),
        { Dominated: true } => new Cell("beaten"),
        { ReachesPastLimit: true } => new Cell("accepted, unsure"),
        _ => new Cell("accepted", Tone.Good),
    };
}
