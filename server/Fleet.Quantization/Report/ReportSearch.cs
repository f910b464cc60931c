using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using static Fleet.Quantization.Report.ReportPage;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>How a student of family <c>auto</c> was found: the front of accuracy against bytes, and the leaderboard.</summary>
internal static class ReportSearch
{
    /// <summary>The section; empty where nothing was searched.</summary>
    public static string Render(ReportView view)
    {
        if (view.Search is not { } search) return "";
        var page = new StringBuilder("<section data-search><h2>How the student was found</h2><p class=\"note\">")
            .Append(Html(string.Create(CultureInfo.InvariantCulture,
                $"{search.Trials.Count} students were trained and judged on {search.HeldOut}; the samples that test were not "
                    + $"looked at. The better half of each round went on with twice the steps. {search.ProcessorSeconds:0} seconds of "
                    + $"processor time, of {search.Minutes:0.#} minutes that were allowed.")))
            .Append("</p>");
        foreach (var note in search.Notes) page.Append($"<p class=\"note\">{Html(note)}</p>");
        if (ReportCharts.Searched(view, search) is { } chart)
            page.Append($"<div class=\"charts\"><figure><figcaption>Size and {Html(view.Measure.Title)} on held-out samples<span>each in "
                + $"the last round it reached</span></figcaption>{chart}</figure></div>\n");
        page.Append("<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Student</th><th>Samples</th><th>Learns from</th>"
            + "<th class=\"n\">Learning rate</th><th class=\"n\">Size</th><th class=\"n\">p95</th><th class=\"n\">Round</th>"
            + "<th class=\"n\">Steps</th>"
            + $"<th class=\"n\">{Html(Capital(view.Measure.Title))}</th><th class=\"n\">Loss</th><th class=\"n\">Processor time</th></tr>"
            + "</thead><tbody>\n");
        foreach (var trial in search.Trials) Row(page, view, trial);
        return page.Append("</tbody></table></div></section>\n").ToString();
    }

    private static void Row(StringBuilder page, ReportView view, SearchTrial trial)
    {
        var last = trial.Rungs is [.., var reached] ? reached : null;
        string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        page.Append($"<tr data-trial=\"{Html(trial.Name)}\"><td>{Html(trial.Name)}{(trial.Chosen ? " <strong>built</strong>" : "")}</td>"
            + $"<td>{Html(trial.Augmentation ?? "–")}</td><td>{Html(trial.LearnsFrom ?? "labels")}"
            + $"{(trial.WeightBits is { } bits ? Text($", judged in {bits} bits") : "")}</td>"
            + Number(Text($"{trial.LearningRate:0.####}"), "Learning rate") + Number(Size(trial.Bytes), "Size")
            + Number(trial.LatencyP95 is { } latency ? Time(latency) : "–", "p95",
                trial.Timed is { } timed ? [$"timed on {timed.Device}"] : [])
            + Number(last is null ? "–" : Text($"{last.Number}"), "Round")
            + Number(last is null ? "–" : Text($"{last.Trainings} x {last.Steps}"), "Steps")
            + (last is null
                ? Number("–", Capital(view.Measure.Title))
                : Number(last.Figure.Text(), Capital(view.Measure.Title), Text($"± {last.Error:0.0000}")))
            + Number(last is null ? "–" : Text($"{last.Loss:0.0000}"), "Loss")
            + Number(Text($"{trial.ProcessorSeconds:0.0} s"), "Processor time") + "</tr>\n");
    }
}
