using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>Where results are, and what was given that other commands need as well.</summary>
/// <param name="Model">The model, as it was named.</param>
/// <param name="Folder">The folder of results.</param>
internal sealed record QuantizedFiles(string Model, string Folder)
{
    /// <summary>Names of the files that were placed there.</summary>
    public IReadOnlyList<string> Placed { get; init; } = [];

    /// <summary>Options that making the same again by the recipe needs, word by word.</summary>
    public IReadOnlyList<string> ForRecipe { get; init; } = [];

    /// <summary>Options that reading the same samples to prove a variant needs, beside the report.</summary>
    public IReadOnlyList<string> ForProof { get; init; } = [];
}

/// <summary>What came of quantizing and of proving, as tables.</summary>
internal static class VariantTables
{
    /// <summary>Guards against 8-bit products that saturate, which they do on some processors.</summary>
    private const string Guard = "session.x64quantprecision";

    /// <summary>How names of files end that belong to a variant.</summary>
    private static readonly string[] OfVariants = [".onnx", ".onnx.data", ".ort", ".calib"];

    /// <summary>Every variant with its verdict, then what to know of each.</summary>
    /// <param name="screen">Where to.</param>
    /// <param name="report">What became of a model.</param>
    /// <param name="files">Where it lies, and what was asked.</param>
    public static void Write(Shell screen, QuantizationReport report, QuantizedFiles files)
    {
        var (model, folder) = files;
        screen.WriteHeading($"{report.Model}: {Figures.Bytes(report.Bytes)}, {Figures.Counted(report.Validation.Count, "sample")} judged "
            + $"in {DurationText.Of(report.Duration)}"
            + $"{(report.Expected is { } expected ? $" ({DurationText.Of(expected)} expected)" : "")} on {report.MeasuredOn}");
        if (report.Requantized is { } requantized) screen.WriteSentence(requantized.ToString());
        if (report.Calibration?.IsMadeUp == true || report.Validation.IsMadeUp)
        {
            var shapes = string.Join(", ", report.Validation.Shapes ?? report.Calibration?.Shapes ?? []);
            screen.WriteSentence($"Made-up samples were used{(shapes.Length > 0 ? $" ({shapes})" : "")}: sizes and speeds hold, closeness "
                + $"to the float model is a first look only.");
        }
        if ((report.Validation.Preprocessing ?? report.Calibration?.Preprocessing) is { } preprocessing)
            screen.WriteSentence(
                $"Files became inputs so: {preprocessing}. Where the model was trained otherwise, say so with --preprocess.");
        foreach (var source in new[] { report.Calibration, report.Validation }.OfType<SampleSource>().DistinctBy(source => source.From))
        {
            if (source.Unread is { } unread)
                screen.WriteSentence($"Not read of {source.From}: {string.Join(", ", unread)}. Arrays are named as the model's inputs are; "
                    + "classes stand in 'labels', what other tasks need is said by --task.");
        }
        if (HeldOutOf(report.Parts) is { } heldOut) screen.WriteSentence(heldOut);
        if (report.Doubt is { } doubt) screen.WriteSentence(doubt);
        if (report.Spec.Batch is { } batch and > 1)
            screen.WriteSentence($"Variants were judged on batches of {batch}, and the choice goes by their speed there.");
        if (report.Calibration is null) screen.WriteSentence("There were no calibration samples: only schemes that need none were tried.");
        screen.WriteLine();
        var measure = ReportMeasure.Of(report);
        var batched = report.Variants.Any(variant => variant.Batch is not null);
        var agrees = report.Variants.Any(variant => variant.Closeness?.Agreement is not null);
        string[] measures = [
            BuildTables.HeadingOf(measure), ">95 %", .. measure.IsCloseness ? [">cosine?"] : new[] { ">against fp32?", ">snr db?" },
            .. agrees ? [">agrees?"] : Array.Empty<string>(),
        ];
        var sheet = new Sheet([
            "variant", "scheme?", ">size", ">of fp32?", .. measures, ">speed", ">speed 95 %?",
            .. batched ? [">batched"] : Array.Empty<string>(), "settings?", "verdict",
        ]);
        foreach (var variant in report.Variants)
        {
            Cell[] measured = measure.IsCloseness
                ? [variant.Closeness is { } close ? FormattableString.Invariant($"{close.Cosine:0.0000}") : Figures.None]
                : [measure.Lost(variant) ?? Figures.None, Figures.Decibels(variant.Closeness?.SignalToNoise)];
            if (agrees) measured = [.. measured, Figures.Percent(variant.Closeness?.Agreement)];
            sheet.Add([
                variant.Id, Figures.Scheme(variant), Figures.Bytes(variant.Bytes), Figures.Percent((double?)variant.Bytes / report.Bytes),
                BuildTables.FigureOf(measure, variant), BuildTables.RangeOf(measure, variant), .. measured,
                BuildTables.SpeedOf(variant), BuildTables.SpeedRangeOf(variant),
                .. batched ? [BuildTables.BatchedOf(variant)] : Array.Empty<Cell>(), variant.Runtime.EntriesText(),
                BuildTables.Verdict(variant)]);
        }
        screen.Write(sheet);
        BuildTables.WriteReasons(screen, report.Variants);
        if (OthersIn(files) is { Length: > 0 } others)
            screen.WriteSentence($"{string.Join(", ", others)} in the same folder: not of this run, nor in its report.");
        screen.WriteLine();
        if (report.NotMadeAgain.Count > 0) return;
        var page = Path.Combine(folder, "report.html");
        screen.WriteLine($"Report    {(File.Exists(page) ? page : Path.Combine(folder, "report.json"))}");
        if (File.Exists(Path.Combine(folder, "recipe.json")))
            screen.WriteLine("Again     fleet models quantize " + string.Join(' ', ((string[])[
                model, .. files.ForRecipe, "--recipe", Path.Combine(folder, "recipe.json"), "--out", $"{folder}-again",
            ]).Select(Quoted)));
        if (report.Variants.FirstOrDefault(variant => variant is { Chosen: true, Artifact: not null }) is { } chosen)
            screen.WriteLine($"Next      fleet models prove {Quoted(Path.Combine(folder, chosen.Artifact!.Name))} "
                + $"--reference {Quoted(model)} --validation {Quoted(report.Validation.From)}"
                + string.Concat(files.ForProof.Select(word => $" {Quoted(word)}"))
                + string.Concat((report.Validation.Shapes ?? []).Select(shape => $" --shape {Quoted($"{shape}")}")));
    }

    /// <summary>
    /// What belongs to variants and this run did not make, such as the models of an earlier one with other profiles, or ranges for TensorRT
    /// beside a model that has others now.
    /// </summary>
    private static string[] OthersIn(QuantizedFiles files)
        => files.Placed.Count == 0 ? [] : [
            .. Directory.EnumerateFiles(files.Folder)
                .Where(file => OfVariants.Any(end => file.EndsWith(end, StringComparison.Ordinal)) && file != Path.GetFullPath(files.Model))
                .Select(file => Path.GetFileName(file)).Except(files.Placed).Order(StringComparer.Ordinal),
        ];

    /// <summary>A word as a shell takes it for one.</summary>
    private static string Quoted(string word)
        => word.All(letter => char.IsAsciiLetterOrDigit(letter) || "_./:=,+@%-".Contains(letter, StringComparison.Ordinal))
            ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string? HeldOutOf(SampleParts? parts) => parts switch
    {
        null => null,
        { Shared: true } => "The samples that chose also report: too few were given to tell how good a variant is on others.",
        { OfCalibration: true } => $"No other samples were given to judge: half of those given calibrated, "
            + $"{Figures.Count(parts.Selection)} chose, {Figures.Count(parts.Report)} report.",
        _ => $"{Figures.Count(parts.Selection)} samples chose, the other {Figures.Count(parts.Report)} report.",
    };

    /// <summary>Every processor next to the native one.</summary>
    public static void Write(Shell screen, ProofReport report)
    {
        screen.WriteHeading($"{report.Variant}: {Figures.Count(report.Samples)} samples of {report.Validation}, "
            + $"{(report.Reference is { } reference ? $"against {reference}" : "against its own native run")}");
        if (report.Runtime.SessionEntries.Count > 0)
            screen.WriteSentence($"With {report.Runtime.EntriesText()}"
                + $"{(report.Runtime.SessionEntries.ContainsKey(Guard) ? ", the guard left out where nothing saturates" : "")}.");
        foreach (var note in report.Notes) screen.WriteSentence(note);
        screen.WriteLine();
        var labelled = report.Processors.Any(processor => processor.Accuracy is not null);
        var sheet = new Sheet([
            "processor", .. labelled ? [">accuracy"] : Array.Empty<string>(), ">snr db", labelled ? ">lost points" : ">lost db", "verdict",
            "what it is",
        ]);
        foreach (var processor in report.Processors)
        {
            sheet.Add([
                processor.Processor, .. labelled ? [Figures.Percent(processor.Accuracy)] : Array.Empty<Cell>(),
                Figures.Decibels(processor.SignalToNoise),
                processor.Loss is { } loss
                    ? FormattableString.Invariant($"{loss:0.0}").Replace("-0.0", "0.0", StringComparison.Ordinal)
                    : Figures.None,
                processor.Holds ? new Cell(processor.Loss is null ? "" : "holds", Tone.Good) : new Cell("fails", Tone.Bad),
                processor.Description,
            ]);
        }
        screen.Write(sheet);
        if (!report.Holds) screen.WriteLine();
        foreach (var processor in report.Processors.Where(processor => processor.Detail.Length > 0))
            screen.WriteSentence($"{processor.Processor}: {processor.Detail}");
    }
}
