using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>
/// A report as one HTML file that a person can choose from: no scripts, nothing loaded from elsewhere, charts drawn as SVG,
/// readable in light and dark, on a phone and on paper.
/// </summary>
internal static class ReportPage
{
    private const string NotMeasured = "not measured", None = "–";

    /// <summary>The page of a build.</summary>
    public static string Render(BuildReport report) => Render(ReportView.Of(report));

    /// <summary>The page of a quantization run.</summary>
    public static string Render(QuantizationReport report) => Render(ReportView.Of(report));

    private static string Render(ReportView view)
    {
        var page = new StringBuilder();
        page.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(view.Title)}: {view.Kicker.ToLowerInvariant()}</title>
            <style>{ReportStyle.Sheet}</style>
            </head>
            <body>
            <main>
            <header>
            <p class="kicker">{view.Kicker}</p>
            <h1>{Html(view.Title)}</h1>
            <p class="lead">{Html(view.Lead)}</p>
            </header>

            """);
        foreach (var warning in view.Warnings) page.Append($"<p class=\"warning\">{Html(warning)}</p>\n");
        Choices(page, view);
        Networks(page, view);
        Floors(page, view);
        page.Append(ReportSeeds.Render(view)).Append(ReportSamples.Render(view.Data));
        page.Append(ReportSearch.Render(view));
        page.Append(ReportClasses.Render(view)).Append(ReportAnomalies.Render(view));
        foreach (var profile in view.Profiles) Profile(page, view, profile);
        if (ReportCharts.Latency(view) is { } latency)
            Section(page, "Latency on this machine",
                $"Median time of one inference, and the line on to the 99th percentile, on {Html(view.MeasuredOn)}. Variants for other "
                    + $"processors are not timed here: each device measures its own.", latency);
        if (ReportCharts.Training(view) is { } training)
            Section(page, "Training",
                "What each epoch reached on held-out samples. Where a new phase of training begins is written above.", training);
        HowToRead(page, view);
        page.Append($"<details "
            + $"class=\"asked\"><summary>{Html(view.DetailsTitle)}</summary>{string.Concat(view.Details.Select(detail =>
                $"<p>{Html(detail)}</p>"))}<pre>{Html(view.Asked)}</pre></details>\n</main>\n</body>\n</html>\n");
        return page.ToString();
    }

    /// <summary>A tile for each profile: what to take, and what it gives.</summary>
    private static void Choices(StringBuilder page, ReportView view)
    {
        page.Append("<section class=\"figures\">");
        foreach (var profile in view.Profiles)
        {
            var tried = view.Variants.Count(variant => variant.Profile == profile && variant.Scheme != "fp32");
            if (view.Variants.FirstOrDefault(variant => variant.Profile == profile && variant.Chosen) is { Bytes: { } bytes } chosen)
            {
                string[] notes = chosen.Scheme == "fp32"
                    ? [$"none of {tried} techniques is better by the goal of {Html(Goal(view))}"]
                    :
                    [
                        $"{Size(bytes)}, {Percent((double)bytes / view.Original.Bytes)} of fp32",
                        Speed(chosen),
                        .. view.Measure.Of(chosen) is { } figure ? [Quality(view.Measure, figure.Value)] : Array.Empty<string>(),
                    ];
                Tile(page, profile, chosen.Scheme, notes);
            }
            else
            {
                Tile(page, profile, "nothing chosen", [$"none of {tried} techniques, nor the fp32 model, keeps within the limits"]);
            }
        }
        page.Append("</section>\n");
    }

    private static void Networks(StringBuilder page, ReportView view)
    {
        if (view.Networks.Count == 0) return;
        var title = view.Networks[0].Network.Scores.Metrics is [var first, ..] ? first.Title() : "Score";
        var (heading, note) = view.Networks.Count > 1
            ? ("Teacher and student", "The large network and the small one that learned from it")
            : ("Student", view.Original.Anomalies is null ? "It learned from the labels" : "It learned from normal samples");
        page.Append($"<section><h2>{heading}</h2><p class=\"note\">{note}; "
            + "every variant below is made of the student.</p><div class=\"scroll\"><table "
            + "class=\"cards\"><thead><tr><th>Network</th><th>Kind</th><th class=\"n\">Parameters</th><th class=\"n\">Size</th><th "
            + $"class=\"n\">{Html(title)}</th><th class=\"n\">Median time</th></tr></thead><tbody>\n");
        foreach (var (name, mark, network) in view.Networks)
        {
            page.Append($"<tr data-network=\"{name}\"><td><svg class=\"mark\" viewBox=\"0 0 20 20\" aria-hidden=\"true\"><circle "
                + $"class=\"dot {mark}\" cx=\"10\" cy=\"10\" "
                + $"r=\"4.7\"/></svg>{name}</td><td>{Html(network.Description)}</td>{Number(Count(network.Parameters),
                    "Parameters")}{Number(Size(network.Bytes),
                        "Size")}{Number(network.Scores.Metrics is [var figure, ..] ? Figure(figure) : None,
                            title)}{Number(network.Scores.Latency is { } latency ? Time(latency.P50) : NotMeasured,
                                "Median time")}</tr>\n");
        }
        page.Append("</tbody></table></div></section>\n");
    }

    private static void Floors(StringBuilder page, ReportView view)
    {
        if (view.Floors.Count == 0) return;
        var unit = view.Measure.Unit == Units.Ratio ? "points" : view.Measure.Unit;
        page.Append("<section><h2>What the student has to be better than</h2><p class=\"note\">Models that cost next to nothing, on the "
            + "same test samples. In brackets is where a figure lies for other samples of the kind, with a confidence of 95 %.</p><div "
            + "class=\"scroll\"><table class=\"cards\"><thead><tr><th>Model</th><th>Kind</th><th "
            + $"class=\"n\">{Html(Capital(view.Measure.Title))}</th><th class=\"n\">Student better by{(unit.Length > 0 ? ", " : "")}"
            + $"{Html(unit)}</th><th>The student is</th></tr></thead><tbody>\n");
        foreach (var floor in view.Floors)
            page.Append($"<tr data-floor=\"{Html(floor.Name)}\"><td>{Html(floor.Name)}</td><td>{Html(floor.Description)}</td>"
                + $"{Number(view.Measure.Of(floor) ?? NotMeasured, Capital(view.Measure.Title))}"
                + $"{Number(view.Measure.GainOver(floor) ?? NotMeasured, "Student better by")}<td>{floor.VerdictText()}</td></tr>\n");
        page.Append("</tbody></table></div></section>\n");
    }

    private static string Figure(MetricValue value)
        => value.Unit == Units.Ratio ? Percent(value.Value) : Units.Text(Math.Round(value.Value, 3), value.Unit);

    private static void Profile(StringBuilder page, ReportView view, string profile)
    {
        var variants = view.Variants.Where(variant => variant.Profile == profile).ToArray();
        var timed = variants.Any(variant => variant.Scores?.Latency is not null);
        page.Append($"<section data-profile=\"{Html(profile)}\"><h2>{Html(profile)}</h2><p "
            + $"class=\"note\">{Html(ChoiceInWords(view, profile, timed))}</p>\n<div class=\"charts\">");
        if (ReportCharts.SizeAndQuality(view, profile) is { } size)
            page.Append($"<figure><figcaption>Size and "
                + $"{Html(view.Measure.Title)}<span>{Directions(view, "smaller")}</span></figcaption>{size}</figure>");
        if (ReportCharts.LatencyAndQuality(view, profile) is { } latency)
            page.Append($"<figure><figcaption>Latency and "
                + $"{Html(view.Measure.Title)}<span>{Directions(view, "faster")}</span></figcaption>{latency}</figure>");
        page.Append("</div>\n");
        Legend(page, variants);
        page.Append($"""
            <div class="scroll"><table class="cards">
            <thead><tr><th>Variant</th><th>Verdict</th><th>Technique</th><th class="n">Size</th>
            <th class="n">{Html(Capital(view.Measure.Title))}</th>{(view.HasAgreement ? "<th class=\"n\">Agreement</th>" : "")}
            <th class="n">Median time</th>{(view.HasEnergy ? "<th class=\"n\">Energy</th>" : "")}<th class="n">Peak memory</th></tr></thead>
            <tbody>

            """);
        if (variants.All(variant => variant.Scheme != "fp32"))
        {
            var measure = Html(Capital(view.Measure.Title));
            var scores = timed
                ? view.Original.Scores
                : view.Original.Scores with { Latency = null, PeakMemoryBytes = null, EnergyJoules = null };
            page.Append($"<tr class=\"float\" "
                + $"data-variant=\"fp32\"><td>{ReportMark.Original.Inline(MarkState.Accepted)}fp32</td><td></td><td>the model "
                + $"itself</td>{Number(Size(view.Original.Bytes),
                    "Size")}{Number(view.Measure.Original is { } figure ? view.Measure.Text(figure.Value) : None,
                        measure)}{(view.HasAgreement ? Number(None, "Agreement") : "")}{Measured(view, scores, timed, null)}</tr>\n");
        }
        foreach (var variant in variants) Row(page, view, variant, timed);
        page.Append("</tbody></table></div>\n</section>\n");
    }

    private static void Row(StringBuilder page, ReportView view, VariantReport variant, bool timed)
    {
        var measure = Html(Capital(view.Measure.Title));
        var quality = view.Measure.Of(variant) is { } figure
            ? Number(view.Measure.Text(figure.Value), measure, RangeOf(view.Measure, variant) ?? "",
                view.Measure.IsCloseness
                    ? $"cosine {variant.Closeness!.Cosine.ToString("0.0000", CultureInfo.InvariantCulture)}"
                    : view.Measure.Lost(variant) ?? "")
            : Number(None, measure);
        page.Append($"<tr class=\"{(variant.Accepted ? "" : "rejected")}\" "
            + $"data-variant=\"{Html(variant.Id)}\"><td>{ReportMark.Of(variant.Scheme)
                .Inline(ReportCharts.StateOf(variant))}{Html(variant.Id)}</td><td>{Verdict(variant)}</td>")
            .Append($"<td>{Html(variant.Scheme)}{(variant.Techniques.Count > 0
                ? $"<small>{Html(string.Join(", ", variant.Techniques))}</small>"
                : "")}{(variant.AverageBits is { } bits
                ? $"<small>{bits.ToString("0.00", CultureInfo.InvariantCulture)} bits a weight on average</small>"
                : "")}{(variant.Runtime.SessionEntries.Count > 0
                ? $"<small>set: {Html(variant.Runtime.EntriesText())}</small>"
                : "")}</td>")
            .Append(variant.Bytes is { } bytes
                ? Number(Size(bytes), "Size", $"{Percent((double)bytes / view.Original.Bytes)} of fp32")
                : Number(None, "Size"))
            .Append(quality)
            .Append(!view.HasAgreement ? ""
                : Number(variant.Scores?.Agreement is { } agreement ? Percent(agreement) : None, "Agreement"))
            .Append(Measured(view, variant.Scores ?? new Scores(), timed, variant))
            .Append("</tr>\n");
        if (variant.Reasons.Count == 0 && variant.Layers.Count == 0) return;
        page.Append($"<tr class=\"reasons\"><td colspan=\"{7 + (view.HasAgreement ? 1 : 0) + (view.HasEnergy ? 1 : 0)}\">");
        if (variant.Reasons.Count > 0)
            page.Append($"<ul>{string.Concat(variant.Reasons.Select(reason => $"<li>{Html(reason)}</li>"))}</ul>");
        Layers(page, view.Measure, variant);
        page.Append("</td></tr>\n");
    }

    /// <summary>What stayed float and why, folded away: a person who chooses opens it, one who looks around does not.</summary>
    private static void Layers(StringBuilder page, ReportMeasure measure, VariantReport variant)
    {
        if (variant.Layers.Count == 0) return;
        var stayed = variant.Layers.Count(layer => layer.Fate != LayerFate.Costly);
        var costly = variant.Layers.Count - stayed;
        string[] parts = [
            .. stayed > 0 ? [$"{stayed} layer{(stayed == 1 ? "" : "s")} stayed float"] : Array.Empty<string>(),
            .. costly > 0 ? [$"{costly} layer{(costly == 1 ? "" : "s")} cost most"] : Array.Empty<string>(),
        ];
        page.Append($"<details><summary>{string.Join(", ", parts)}: which, and why</summary><table "
            + $"class=\"layers\"><thead><tr><th>Layer</th><th>Operator</th><th>Why</th><th class=\"n\">Worth in "
            + $"float</th></tr></thead><tbody>");
        foreach (var layer in variant.Layers)
            page.Append($"<tr><td>{Html(layer.Layer)}</td><td>{Html(
                layer.Operator)}</td><td>{Words(layer.Fate)}</td>{Number(Worth(measure, layer), "Worth in float")}</tr>");
        page.Append("</tbody></table></details>");
    }

    private static void Legend(StringBuilder page, IReadOnlyList<VariantReport> variants)
    {
        var marks = variants.Select(variant => ReportMark.Of(variant.Scheme)).Append(ReportMark.Original).DistinctBy(mark => mark.Kind);
        page.Append("<p class=\"legend\">")
            .AppendJoin("", marks.Select(mark => $"<span>{mark.Inline(MarkState.Accepted)}{mark.Words}</span>"));
        page.Append($"<span>{ReportMark.Original.Inline(MarkState.Chosen)}ringed: the choice</span>");
        if (variants.Any(variant => !variant.Accepted))
            page.Append($"<span>{ReportMark.Original.Inline(MarkState.Rejected)}hollow and crossed: rejected</span>");
        page.Append("<span><svg class=\"mark\" viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path class=\"front\" d=\"M1 14l9 -6l9 "
            + "-3\"/></svg>dashed: nothing is better in both</span></p>\n");
    }

    private static string ChoiceInWords(ReportView view, string profile, bool timed)
    {
        var goal = $"The goal is {Goal(view)}.";
        var where = timed ? ""
            : " Another processor's: not timed here. Speeds are estimates; where they are alike the closest is taken, then the smallest. "
                + "Devices measure for themselves.";
        return view.Variants.FirstOrDefault(variant => variant.Profile == profile && variant.Chosen) switch
        {
            null => $"{goal} Nothing keeps within the limits; each says why.{where}",
            { Scheme: "fp32" } => $"{goal} The fp32 model itself is the choice; each of the others says why not.{where}",
            var chosen => $"{goal} The choice is {chosen.Id}; each of the others says why not.{where}",
        };
    }

    private static void HowToRead(StringBuilder page, ReportView view)
    {
        page.Append("<section><h2>How to read this</h2><dl>\n");
        void Term(string term, string text) => page.Append($"<dt>{term}</dt><dd>{Html(text)}</dd>\n");
        Term(Capital(view.Measure.Title), $"{Explained(view.Measure)} {view.Measure.LimitIn(view.Spec)}");
        if (view.HasAgreement)
            Term("Agreement", "Share of decisions (the largest value of a row of the first output) that are the fp32 model's, right or "
                + $"wrong.{(view.Measure.Name == Metric.Accuracy.Name ? " It falls before accuracy does." : "")}");
        if (view.Variants.Any(variant => variant.Intervals.Count > 0))
            Term("From … to", "Where the figure lies on all samples of this kind, with a confidence of 95 %: it was computed again over "
                + "a thousand draws from the samples that report (bootstrap). Those samples chose nothing: between calibrators, "
                + "techniques and layers others did.");
        Term("Speed", "Processor time of the fp32 model over the variant's, timed call by call in turns in one process on the machine "
            + "named above: the median of the pairs, above 1 is faster. From … to is where it lies with a confidence of 95 %. Two "
            + "variants are equal where that cannot tell them apart, or within 3 %, because one model that is loaded twice differs by as "
            + "much: then the closest is taken, and of these the smallest.");
        if (view.Variants.Any(variant => variant.EstimatedSpeedUp is not null))
            Term("Estimated speed", "For processors that are not this one: operators, as the runtime fuses them, counted by what such a "
                + "processor has kernels for and what they move. It was not measured; a quarter in either direction counts as alike. "
                + "Refined: corrected by the median of what devices of that profile found other variants to be off by, where at least "
                + "three did and agree.");
        Term("Verdict", "Chosen: what the goal takes. Accepted: may be released, and is better in something. Beaten: good enough, but "
            + "another is as small, as fast and as good, so that it is not released. Rejected: may not be released. Not made: the "
            + "technique does not suit the model, or needs samples that were not given. Unsure: the figure holds the limit, and the range "
            + "in which it lies on other samples reaches past it.");
        Term("Energy", view.HasEnergy
            ? "Of one inference: what the whole processor package drew over a second of inferences (RAPL), idle power included, over their "
                + "number."
            : "Not measured: this machine has no energy counters (RAPL) that may be read, as most virtual machines.");
        Term("Peak memory", "Of a process of its own that loads and runs the variant, the runtime included; the fp32 model's is measured "
            + "alike.");
        Term("Other processors",
            "Quality is computed here with the same integers; time, energy and memory are not claimed. The device repeats the measurement "
                + "on itself before it serves a variant.");
        Term("What to choose", "Nothing has to be chosen: the ringed one is what the goal takes. For tight storage go left along the "
            + "dashed line as long as the quality is enough; for speed do the same in the second chart. A release carries what is accepted "
            + "and not beaten in everything, and each device serves what it measures as best.");
        page.Append("</dl></section>\n");
    }

    private static string Measured(ReportView view, Scores scores, bool timed, VariantReport? variant)
    {
        var (time, beside) = timed && scores.Latency is { } latency ? (Time(latency.P50), SpeedBeside(variant)) : (NotMeasured,
            variant?.EstimatedSpeedUp is { } estimate ? $"estimated {About(estimate)} as fast{Refined(variant)}" : "");
        return Number(time, "Median time", beside, variant is null ? "" : Batched(variant))
            + (view.HasEnergy ? Number(timed && scores.EnergyJoules is { } joules ? Energy(joules) : NotMeasured, "Energy") : "")
            + Number(timed && scores.PeakMemoryBytes is { } bytes ? Size(bytes) : NotMeasured, "Peak memory");
    }

    private static string SpeedBeside(VariantReport? variant) => variant?.SpeedUp is not { } factor ? ""
        : $"{Factor(factor)} as fast"
            + (variant.SpeedUpInterval is { } range ? $", {Factor(range.Low)} to {Factor(range.High)}" : "");

    private static string Batched(VariantReport variant) => variant.Batch is not { } batch ? ""
        : $"a batch of {Count(batch.Size)}: {Time(batch.Latency.P50)}, {Factor(batch.SpeedUp)} as fast, "
            + $"{Factor(batch.SpeedUpInterval.Low)} to {Factor(batch.SpeedUpInterval.High)}";

    private static string Speed(VariantReport variant) => variant switch
    {
        { SpeedUp: { } speed } => $"{Factor(speed)} the speed of fp32",
        { EstimatedSpeedUp: { } estimate } => $"estimated {About(estimate)} the speed of fp32{Refined(variant)}, not timed here",
        _ => "not timed here",
    };

    private static string Refined(VariantReport variant) => variant.Refinement is not { } refinement ? ""
        : $", refined by what {Count(refinement.Devices)} devices of {Html(variant.Profile)} measured";

    private static string About(double factor) => factor.ToString("0.0", CultureInfo.InvariantCulture) + "×";

    private static string Verdict(VariantReport variant) => variant switch
    {
        { Chosen: true } => $"<span class=\"verdict yes\">★ chosen{(variant.ReachesPastLimit ? ", unsure" : "")}</span>",
        { Artifact: null } => "<span class=\"verdict fair\">– not made</span>",
        { Accepted: false } => "<span class=\"verdict no\">✕ rejected</span>",
        { Dominated: true } => "<span class=\"verdict fair\">✓ beaten</span>",
        { ReachesPastLimit: true } => "<span class=\"verdict fair\">✓ accepted, unsure</span>",
        _ => "<span class=\"verdict yes\">✓ accepted</span>",
    };

    private static string Worth(ReportMeasure measure, LayerReport layer)
    {
        string[] parts =
        [
            .. layer.Decibels is { } decibels
                ? [decibels.ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture) + " dB"]
                : Array.Empty<string>(),
            .. layer.Points is { } points
                ? [measure.Unit == Units.Ratio
                    ? (points * 100).ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture) + " points"
                    : (points >= 0 ? "+" : "") + measure.Text(points)]
                : Array.Empty<string>(),
        ];
        return parts.Length == 0 ? None : string.Join(", ", parts);
    }

    private static string? RangeOf(ReportMeasure measure, VariantReport variant)
        => variant.Intervals.FirstOrDefault(interval => interval.Name == measure.Name) is { } range ? measure.Text(range) : null;

    private static string Quality(ReportMeasure measure, double quality)
        => measure.Text(quality) + (measure.IsCloseness && quality >= Closeness.Exact ? "" : " " + measure.Title);

    private static string Explained(ReportMeasure measure) => measure.Name switch
    {
        "accuracy" => "Share of held-out samples decided as their label says, and how much of it the variant loses against fp32.",
        "rmse" => "Root of the mean of the squared errors on held-out samples, in the unit of the labels: less is better, and one large "
            + "error weighs more than many small ones.",
        "map50To95" => "Mean average precision of the boxes found on held-out samples, over overlaps of 0.50 to 0.95 with the true ones "
            + "(COCO), and how much of it the variant loses against fp32.",
        "boxAgreement" => "The mAP 50:95 that the variant's boxes reach when the boxes that the fp32 model is sure of stand for true "
            + "ones, which needs no labels.",
        "signalToNoise" => "How far the outputs are from the fp32 model's, which needs no labels: each 6 dB more halve the error; a "
            + "cosine of 1 is the same direction.",
        _ => $"What was measured on held-out samples; {(measure.Better == MetricDirection.Higher ? "more" : "less")} is better.",
    };

    private static string Directions(ReportView view, string cheaper)
        => $"{cheaper} to the left, {(view.Measure.IsCloseness ? "closer to fp32" : $"better in {Html(view.Measure.Title)}")} further up";

    private static string Goal(ReportView view) => view.Spec.Goal ?? BuildSpecRules.Goals[0];

    private static void Section(StringBuilder page, string title, string note, string chart)
        => page.Append($"<section>\n<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n<figure class=\"wide\">{chart}</figure>\n</section>\n");

    private static void Tile(StringBuilder page, string label, string value, IReadOnlyList<string> notes)
        => page.Append($"<div><p class=\"label\">{Html(label)}</p><p "
            + $"class=\"value\">{Html(value)}</p>{string.Concat(notes.Select(note => $"<p class=\"note\">{note}</p>"))}</div>");

    /// <summary>
    /// A figure, and what is said of it in small print, each on a line; its label is what a phone shows beside it, where the table is laid
    /// out as cards.
    /// </summary>
    internal static string Number(string text, string label, params ReadOnlySpan<string> small)
        => $"<td class=\"n\" data-l=\"{label}\">{(text is None or NotMeasured
            ? $"<span class=\"none\">{text}</span>"
            : Html(text))}{Small(small)}</td>";

    private static string Small(ReadOnlySpan<string> lines)
    {
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            if (line.Length > 0) text.Append($"<small>{Html(line)}</small>");
        }
        return text.ToString();
    }
}
