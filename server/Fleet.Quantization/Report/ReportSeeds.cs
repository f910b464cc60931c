using System.Globalization;
using System.Text;
using static Fleet.Quantization.Report.ReportPage;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>What networks reach with each seed, and where their means lie.</summary>
internal static class ReportSeeds
{
    /// <summary>The section; empty where one seed was asked for.</summary>
    public static string Render(ReportView view)
    {
        if (view.Seeds is not { } seeds) return "";
        var page = new StringBuilder($"<section data-seeds><h2>Seed by seed</h2><p class=\"note\">{Html($"{seeds}.")}</p>");
        foreach (var gain in seeds.Gains) page.Append($"<p class=\"note\">{Html(view.Measure.Sentence(gain, seeds.Count))}</p>");
        string[] names = [.. seeds.Networks.Select(network => Html(Capital(network.Name.Replace('-', ' '))))];
        page.Append("<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Seed</th><th>Student</th>"
            + "<th class=\"n\">Test samples</th>");
        foreach (var name in names) page.Append($"<th class=\"n\">{name}</th>");
        page.Append("</tr></thead><tbody>\n");
        foreach (var seed in seeds.Each)
            Row(page, seed.Seed.ToString(CultureInfo.InvariantCulture), seed.Description, Count(seed.Test), names,
                seeds.Networks.Select(network => seed.Of(network.Name) is { } figure ? view.Measure.Text(figure) : "–"));
        Row(page, "mean", "", "", names, seeds.Networks.Select(network => view.Measure.Text(network.Mean)));
        Row(page, "95 %", "", "", names, seeds.Networks.Select(network => view.Measure.IntervalOf(network)));
        return page.Append("</tbody></table></div></section>\n").ToString();
    }

    private static void Row(
        StringBuilder page, string seed, string student, string samples, string[] names, IEnumerable<string> figures)
    {
        page.Append($"<tr><td>{seed}</td><td>{Html(student)}</td>").Append(Number(samples, "Test samples"));
        foreach (var (name, figure) in names.Zip(figures)) page.Append(Number(figure, name));
        page.Append("</tr>\n");
    }
}
