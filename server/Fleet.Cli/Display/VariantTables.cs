using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>What came of quantizing and of proving, as tables.</summary>
internal static class VariantTables
{
    /// <summary>Guards against 8-bit products that saturate, which they do on some processors.</summary>
    private const string Guard = "session.x64quantprecision";

    /// <summary>Every variant with its verdict, then what to know of each.</summary>
    public static void Write(Shell screen, QuantizationReport report, string model, string folder)
    {
        screen.WriteHeading($"{report.Model}: {Figures.Bytes(report.Bytes)}, {Figures.Count(report.Validation.Count)} samples judged in "
            + $"{DurationText.Of(report.Duration)} on {report.MeasuredOn}");
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
        if (HeldOutOf(report.Parts) is { } heldOut) screen.WriteSentence(heldOut);
        if (report.Calibration is null) screen.WriteSentence("There were no calibration samples: only schemes that need none were tried.");
        screen.WriteLine();
        var measure = ReportMeasure.Of(report);
        var agrees = report.Variants.Any(variant => variant.Closeness?.Agreement is not null);
        string[] measures = [
            .. measure.IsCloseness ? [">cosine"] : new[] { BuildTables.HeadingOf(measure), ">against fp32?" },
            .. agrees ? [">agrees?"] : Array.Empty<string>(),
        ];
        var sheet = new Sheet([
            "profile", "scheme", ">size", ">of fp32?", ">snr db", ">95 %", .. measures, ">speed", ">speed 95 %?", "settings?", "verdict",
        ]);
        foreach (var variant in report.Variants)
        {
            Cell[] measured = measure.IsCloseness
                ? [variant.Closeness is { } close ? FormattableString.Invariant($"{close.Cosine:0.0000}") : Figures.None]
                : [BuildTables.FigureOf(measure, variant), measure.Lost(variant) ?? Figures.None];
            if (agrees) measured = [.. measured, Figures.Percent(variant.Closeness?.Agreement)];
            sheet.Add([
                variant.Profile, Figures.Scheme(variant), Figures.Bytes(variant.Bytes),
                Figures.Percent((double?)variant.Bytes / report.Bytes), Figures.Decibels(variant.Closeness?.SignalToNoise),
                BuildTables.RangeOf(measure, variant),
                .. measured,
                BuildTables.SpeedOf(variant), BuildTables.SpeedRangeOf(variant), variant.Runtime.EntriesText(),
                BuildTables.Verdict(variant)]);
        }
        screen.Write(sheet);
        if (report.Variants.Any(variant => variant.Reasons.Count > 0)) screen.WriteLine();
        foreach (var variant in report.Variants)
        {
            foreach (var reason in variant.Reasons) screen.WriteSentence($"{variant.Id}: {reason}");
        }
        screen.WriteLine();
        var page = Path.Combine(folder, "report.html");
        screen.WriteLine($"Report    {(File.Exists(page) ? page : Path.Combine(folder, "report.json"))}");
        if (File.Exists(Path.Combine(folder, "recipe.json")))
            screen.WriteLine($"Again     fleet models quantize {model} … --recipe {Path.Combine(folder, "recipe.json")}");
        if (report.Variants.FirstOrDefault(variant => variant is { Chosen: true, Artifact: not null }) is { } chosen)
            screen.WriteLine($"Next      fleet models prove {Path.Combine(folder, chosen.Artifact!.Name)} --reference {model} --validation "
                + $"{report.Validation.From}{string.Concat((report.Validation.Shapes ?? []).Select(shape => $" --shape {shape}"))}");
    }

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
