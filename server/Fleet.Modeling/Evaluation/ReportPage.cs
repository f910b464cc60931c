using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Evaluation;

/// <summary>
/// A build report as one HTML file that a person can choose from: no scripts, nothing loaded from elsewhere, charts drawn as SVG,
/// readable in light and dark and on paper.
/// </summary>
internal static class ReportPage
{
    /// <summary>The page of <paramref name="report"/>.</summary>
    public static string Render(BuildReport report)
    {
        var page = new StringBuilder();
        page.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(report.Spec.Model)}: build report</title>
            <style>{ReportStyle.Sheet}</style>
            </head>
            <body>
            <main>
            """);
        Header(page, report);
        Figures(page, report);
        Section(page, "Size and accuracy", "Left is smaller, up is more accurate. The line joins what nothing beats on both; hollow marks were rejected.", ReportCharts.SizeAndAccuracy(report));
        Variants(page, report);
        if (ReportCharts.Latency(report) is { } latency)
            Section(page, "Latency", $"Median time of one inference, and up to the 99th percentile, on {Html(report.MeasuredOn)}. Variants of other processors are not timed here: each device measures its own.", latency);
        if (ReportCharts.Training(report) is { } training)
            Section(page, "Training", "Accuracy on held-out samples after each epoch.", training);
        HowToRead(page, report);
        page.Append(CultureInfo.InvariantCulture, $"<details><summary>The build spec and its data</summary><p>Samples: {report.Samples.Training} to learn from, {report.Samples.Validation} to select by, {report.Samples.Test} to judge by. SHA-256 of the data: <code>{Html(report.DataSha256)}</code></p><pre>{Html(JsonSerializer.Serialize(report.Spec, FleetJson.Indented.BuildSpec))}</pre></details>\n</main>\n</body>\n</html>\n");
        return page.ToString();
    }

    /// <summary>Text made safe for a page: names come from specs, which come from elsewhere.</summary>
    public static string Html(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A share as a percentage.</summary>
    public static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A file size in units people compare by.</summary>
    public static string Size(double bytes) => bytes switch
    {
        < 1000 => bytes.ToString("0", CultureInfo.InvariantCulture) + " B",
        < 1e6 => (bytes / 1e3).ToString("0.#", CultureInfo.InvariantCulture) + " kB",
        _ => (bytes / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + " MB",
    };

    /// <summary>A latency in the unit that shows its digits.</summary>
    public static string Time(TimeSpan time) => time.TotalMilliseconds < 1
        ? time.TotalMicroseconds.ToString("0", CultureInfo.InvariantCulture) + " µs"
        : time.TotalMilliseconds.ToString("0.00", CultureInfo.InvariantCulture) + " ms";

    private static void Header(StringBuilder page, BuildReport report)
    {
        page.Append(CultureInfo.InvariantCulture, $"""
            <header>
            <p class="kicker">Build report</p>
            <h1>{Html(report.Spec.Model)}</h1>
            <p class="lead">{Html(Capital(report.Student.Description))}, {(report.Teacher is { } teacher ? $"taught by {Html(teacher.Description)}" : "as it was given")}. Built {report.StartedAt:yyyy-MM-dd HH:mm} UTC in {Duration(report.Duration)} on {Html(report.MeasuredOn)}, seed {report.Spec.Seed}.</p>
            </header>
            """);
    }

    private static void Figures(StringBuilder page, BuildReport report)
    {
        var accepted = report.Variants.Where(variant => variant is { Accepted: true, Artifact: not null }).ToArray();
        page.Append("<section class=\"figures\">");
        Figure(page, "Student accuracy", Accuracy(report.Student.Scores.Accuracy), report.Teacher?.Scores.Accuracy is > 0 and var teacher && report.Student.Scores.Accuracy is { } student
            ? $"{Percent(student / teacher)} of the teacher's {Percent(teacher)}" : "");
        Figure(page, "Parameters", Count(report.Student.Parameters), report.Teacher is { } large ? $"the teacher has {Count(large.Parameters)}" : "");
        if (accepted.MinBy(variant => variant.Artifact!.Bytes) is { } smallest)
            Figure(page, "Smallest variant", Size(smallest.Artifact!.Bytes), $"{Ratio((double)(report.Teacher ?? report.Student).Bytes / smallest.Artifact.Bytes)} smaller than the {(report.Teacher is null ? "float model" : "teacher")}");
        Figure(page, "Variants", $"{accepted.Length} of {report.Variants.Count}", accepted.Length == report.Variants.Count ? "all may be released" : "may be released; the others say why not");
        page.Append("</section>\n");
    }

    private static void Variants(StringBuilder page, BuildReport report)
    {
        page.Append("""
            <section>
            <h2>Variants</h2>
            <div class="scroll"><table>
            <thead><tr><th>Variant</th><th>Scheme</th><th class="n">Size</th><th class="n">of fp32</th><th class="n">Accuracy</th><th class="n">Drop</th><th class="n">Agreement</th><th class="n">p50</th><th class="n">Speed</th><th>Verdict</th></tr></thead>
            <tbody>
            """);
        if (report.Teacher is { } teacher) Row(page, "teacher", "mark-teacher", "fp32", teacher, report);
        Row(page, "student", "mark-student", "fp32", report.Student, report);
        foreach (var variant in report.Variants)
        {
            var drop = report.Student.Scores.Accuracy - variant.Scores?.Accuracy;
            page.Append(CultureInfo.InvariantCulture, $"<tr class=\"{(variant.Accepted ? "" : "rejected")}\"><td><span class=\"mark {ReportCharts.ColourOf(variant.Profile)}\"></span>{Html(variant.Id)}</td><td>{Html(variant.Scheme)}</td>")
                .Append(Cell(variant.Artifact is { } file ? Size(file.Bytes) : null))
                .Append(Cell(variant.Artifact is { } part ? Share((double)part.Bytes / report.Student.Bytes) : null))
                .Append(Cell(variant.Scores?.Accuracy is { } accuracy ? Percent(accuracy) : null))
                .Append(Cell(drop is { } points ? (points * 100).ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture) : null))
                .Append(Cell(variant.Scores?.Agreement is { } agreement ? Percent(agreement) : null))
                .Append(Cell(variant.Scores?.Latency is { } latency ? Time(latency.P50) : null))
                .Append(Cell(variant.SpeedUp is { } speed ? speed.ToString("0.00", CultureInfo.InvariantCulture) + "×" : null))
                .Append($"<td><span class=\"verdict {(variant.Accepted ? "yes\">✓ accepted" : "no\">✕ rejected")}</span></td></tr>\n");
            if (variant.Reasons.Count > 0)
                page.Append($"<tr class=\"reasons\"><td colspan=\"10\"><ul>{string.Concat(variant.Reasons.Select(reason => $"<li>{Html(reason)}</li>"))}</ul></td></tr>\n");
        }
        page.Append("</tbody></table></div>\n</section>\n");
    }

    private static void Row(StringBuilder page, string name, string colour, string scheme, NetworkReport network, BuildReport report)
        => page.Append($"<tr class=\"float\"><td><span class=\"mark {colour}\"></span>{name}</td><td>{scheme}</td>{Cell(Size(network.Bytes))}{Cell(Share((double)network.Bytes / report.Student.Bytes))}{Cell(Accuracy(network.Scores.Accuracy))}{Cell(null)}{Cell(null)}{Cell(network.Scores.Latency is { } latency ? Time(latency.P50) : null)}{Cell(null)}<td></td></tr>\n");

    private static void HowToRead(StringBuilder page, BuildReport report)
    {
        page.Append($"""
            <section>
            <h2>How to read this</h2>
            <dl>
            <dt>Drop</dt><dd>Points of accuracy lost against the fp32 student. A variant that loses more than {(report.Spec.Quantization.MaximumDrop * 100).ToString("0.##", CultureInfo.InvariantCulture)} points is rejected and never released.</dd>
            <dt>Agreement</dt><dd>Share of samples that the variant decides as the fp32 student does, right or wrong. It falls before accuracy does.</dd>
            <dt>Speed</dt><dd>Median time of the fp32 student over the variant's, timed in turns in one process on the machine named above: above 1 is faster. A dash means that the variant is for another processor and was not timed.</dd>
            <dt>Accuracy of other processors' variants</dt><dd>Computed here with the same integers. The device repeats the measurement on itself before it serves a variant.</dd>
            <dt>What to choose</dt><dd>Nothing has to be chosen: a release carries every accepted variant, and each device serves the one for its profile that it measures as best. For storage or download limits take the leftmost mark that is accurate enough.</dd>
            </dl>
            </section>
            """);
    }

    private static void Section(StringBuilder page, string title, string note, string chart)
        => page.Append($"<section>\n<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n<figure>{chart}</figure>\n</section>\n");

    private static void Figure(StringBuilder page, string label, string value, string note)
        => page.Append($"<div><p class=\"label\">{Html(label)}</p><p class=\"value\">{Html(value)}</p><p class=\"note\">{Html(note)}</p></div>");

    private static string Cell(string? text) => $"<td class=\"n\">{(text is null ? "<span class=\"none\">–</span>" : Html(text))}</td>";

    private static string Accuracy(double? accuracy) => accuracy is { } share ? Percent(share) : "–";

    private static string Share(double share) => share < 2 ? Percent(share) : Ratio(share);

    private static string Ratio(double ratio) => ratio.ToString(ratio < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + "×";

    private static string Count(long parameters) => parameters.ToString("#,0", CultureInfo.InvariantCulture);

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    private static string Duration(TimeSpan time) => time.TotalMinutes < 2
        ? time.TotalSeconds.ToString("0", CultureInfo.InvariantCulture) + " s"
        : time.TotalMinutes.ToString("0.0", CultureInfo.InvariantCulture) + " min";
}
