using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>What a build's page says of its data: parts, shape, ranges, and a few training samples drawn.</summary>
internal static class ReportSamples
{
    /// <summary>Of more channels the first are shown; the report as JSON has all.</summary>
    private const int MostRanges = 12;

    /// <summary>Width and height of a line, in the units of its drawing.</summary>
    private const double LineWidth = 160, LineHeight = 48;

    /// <summary>Greys of a picture: more make the page large and not clearer.</summary>
    private const int Greys = 16;

    /// <summary>The section; empty where nothing was said of the data.</summary>
    public static string Render(DataReport? data)
    {
        if (data is null) return "";
        var page = new StringBuilder($"<section><h2>Data</h2><p class=\"note\">{Html(LeadOf(data))}</p>\n");
        if (data.Examples.Count > 0)
        {
            page.Append("<div class=\"samples\">\n");
            foreach (var example in data.Examples)
                page.Append($"<figure>{Drawn(example)}<figcaption>{Html(example.Label ?? "")}</figcaption></figure>\n");
            page.Append("</div>\n");
        }
        Ranges(page, "Label", data.Labels);
        Ranges(page, data.Table is null ? "Channel" : "Column", data.Channels);
        return page.Append("</section>\n").ToString();
    }

    private static string LeadOf(DataReport data)
    {
        var counts = data.Samples;
        return $"{Capital(data.Spec.Kind)}, samples of {string.Join(" × ", data.SampleShape)}: "
            + $"{Count(counts.Training)} to learn from, {Count(counts.Validation)} to select by, {Count(counts.Test)} to judge by"
            + (counts.Unlabelled is { } more ? $", {Count(more)} without labels." : ".")
            + (data.AboutClasses() is { } about ? $" {about}" : "");
    }

    private static string Drawn(SampleView example) => example switch
    {
        { Text: { } text } => $"<blockquote>{Html(text)}</blockquote>",
        { Shape: [var rows, var columns] } => Picture(example.Values, rows, columns),
        _ => Line(example.Values),
    };

    /// <summary>A line over time, from its least to its largest value.</summary>
    private static string Line(IReadOnlyList<float> values)
    {
        var (least, most) = Bounds(values);
        var points = string.Join(' ', values.Select((value, place) => string.Create(CultureInfo.InvariantCulture,
            $"{LineWidth * place / Math.Max(1, values.Count - 1):0.#},{LineHeight * (most - value) / (most - least):0.#}")));
        return string.Create(CultureInfo.InvariantCulture,
            $"<svg viewBox=\"-2 -2 {LineWidth + 4} {LineHeight + 4}\" role=\"img\" aria-label=\"A sample over time\"><polyline ")
            + $"class=\"curve mark-student stroke\" points=\"{points}\"/></svg>";
    }

    /// <summary>A picture in grey: runs of one shade in a row are one rectangle, all of a shade one path.</summary>
    private static string Picture(IReadOnlyList<float> values, int rows, int columns)
    {
        var (least, most) = Bounds(values);
        int ShadeAt(int place) => (int)Math.Min(Greys - 1, Greys * (values[place] - least) / (most - least));
        var paths = new StringBuilder[Greys];
        for (var row = 0; row < rows; row++)
        {
            for (var (column, next) = (0, 0); column < columns; column = next)
            {
                var shade = ShadeAt(row * columns + column);
                for (next = column + 1; next < columns && ShadeAt(row * columns + next) == shade;) next++;
                (paths[shade] ??= new StringBuilder()).Append(CultureInfo.InvariantCulture,
                    $"M{column} {row}h{next - column}v1h-{next - column}z");
            }
        }
        var page = new StringBuilder(
            $"<svg viewBox=\"0 0 {columns} {rows}\" role=\"img\" aria-label=\"A sample as a picture\" shape-rendering=\"crispEdges\">");
        foreach (var (shade, path) in paths.Index().Where(one => one.Item is not null))
        {
            var grey = 255 * shade / (Greys - 1);
            page.Append(CultureInfo.InvariantCulture, $"<path fill=\"#{grey:x2}{grey:x2}{grey:x2}\" d=\"{path}\"/>");
        }
        return page.Append("</svg>").ToString();
    }

    // Equal values lie at the bottom.
    private static (double Least, double Most) Bounds(IReadOnlyList<float> values)
    {
        double least = values.Min(), most = values.Max();
        return most > least ? (least, most) : (least, least + 1);
    }

    private static void Ranges(StringBuilder page, string what, IReadOnlyList<ValueRange> ranges)
    {
        if (ranges.Count == 0) return;
        page.Append($"<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>{what}</th><th class=\"n\">Smallest</th>"
            + "<th class=\"n\">Largest</th><th class=\"n\">Mean</th><th class=\"n\">Deviation</th></tr></thead><tbody>\n");
        foreach (var range in ranges.Take(MostRanges))
            page.Append($"<tr><td>{Html(range.Name)}</td>{Cell("Smallest", range.Minimum)}{Cell("Largest", range.Maximum)}"
                + $"{Cell("Mean", range.Mean)}{Cell("Deviation", range.Deviation)}</tr>\n");
        page.Append("</tbody></table></div>\n");
        if (ranges.Count > MostRanges)
            page.Append($"<p class=\"note\">{Count(ranges.Count - MostRanges)} more stand in the report as JSON.</p>\n");
    }

    private static string Cell(string title, double value) => ReportText.Cell(title, value.ToString("G4", CultureInfo.InvariantCulture));
}
