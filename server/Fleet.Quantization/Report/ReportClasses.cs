using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>What a build's page says of its classes: what of each is found, what is taken for what, how sure the student is.</summary>
internal static class ReportClasses
{
    /// <summary>A matrix of more classes is no picture any more.</summary>
    private const int LargestMatrix = 20;

    /// <summary>Of more classes the worst are shown.</summary>
    private const int MostRows = 50;

    /// <summary>The section; empty where there are no classes.</summary>
    public static string Render(ReportView view)
    {
        if (view.Original.Labels is { Count: > 0 } labels && labels.Count == view.Classes.Count) return OfLabels(view, labels);
        if (view.Decisions is not { } student || view.Classes.Count != student.Classes.Count) return "";
        var page = new StringBuilder("<section><h2>Classes</h2><p class=\"note\">What the student does with the test samples of each "
            + "class. Recall is the share of them that is found, precision the share of what is called so that is. Balanced accuracy, the "
            + $"mean recall, is {Percent(student.BalancedAccuracy)}.</p><div class=\"scroll\"><table class=\"cards\"><thead><tr>"
            + "<th>Class</th><th class=\"n\">Training samples</th><th class=\"n\">Test samples</th><th class=\"n\">Recall</th>"
            + "<th class=\"n\">Precision</th><th>Most taken for</th></tr></thead><tbody>\n");
        foreach (var (number, figures) in student.Classes.Index().OrderBy(one => view.Classes.Count > MostRows ? one.Item.Recall : 0)
            .Take(MostRows))
        {
            var other = student.MostTakenFor(number);
            page.Append($"<tr data-class=\"{Html(view.Classes[number])}\"><td>{Html(view.Classes[number])}</td>"
                + Cell("Training samples", view.ClassCounts.Count > number ? Count(view.ClassCounts[number].Training) : "")
                + Cell("Test samples", Count(figures.Samples))
                + Cell("Recall", figures.Recall is { } recall ? Percent(recall) : "–")
                + Cell("Precision", figures.Precision is { } precision ? Percent(precision) : "–")
                + $"<td>{(other is null ? "" : Html($"{view.Classes[other.Decided]} ({other.Samples})"))}</td></tr>\n");
        }
        page.Append("</tbody></table></div>");
        if (view.Classes.Count <= LargestMatrix) Matrix(page, view, student);
        var invariant = CultureInfo.InvariantCulture;
        page.Append(invariant, $"<p>Confidence: its expected calibration error is {Percent(student.CalibrationError)}, its negative log "
            + $"likelihood {student.NegativeLogLikelihood:0.000}.");
        if (student is { Temperature: { } temperature, CalibrationErrorAfter: { } after })
            page.Append(invariant, $" Divided by a temperature of {temperature:0.00}, found on the validation samples, its logits have a "
                + $"calibration error of {Percent(after)}; no decision changes by that.");
        return page.Append("</p></section>\n").ToString();
    }

    private static string OfLabels(ReportView view, IReadOnlyList<LabelFigures> labels)
    {
        var page = new StringBuilder("<section><h2>Labels</h2><p class=\"note\">What the student does with the test samples of each label, "
            + "of which a sample may have several. Recall is the share of them that it is given to, precision the share of those it is "
            + "given to that have it. Average precision is the area below precision over recall: how well they are told apart wherever "
            + "the bound lies.</p><div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Label</th>"
            + "<th class=\"n\">Training samples</th>"
            + "<th class=\"n\">Test samples</th><th class=\"n\">Recall</th><th class=\"n\">Precision</th><th class=\"n\">F1</th>"
            + "<th class=\"n\">Average precision</th></tr></thead><tbody>\n");
        string Share(string title, double? value) => Cell(title, value is { } known ? Percent(known) : "–");
        foreach (var (number, figures) in labels.Index().OrderBy(one => labels.Count > MostRows ? one.Item.F1 ?? 2 : 0).Take(MostRows))
            page.Append($"<tr data-class=\"{Html(view.Classes[number])}\"><td>{Html(view.Classes[number])}</td>"
                + Cell("Training samples", view.ClassCounts.Count > number ? Count(view.ClassCounts[number].Training) : "")
                + Cell("Test samples", Count(figures.Samples)) + Share("Recall", figures.Recall) + Share("Precision", figures.Precision)
                + Share("F1", figures.F1) + Share("Average precision", figures.AveragePrecision) + "</tr>\n");
        return page.Append("</tbody></table></div></section>\n").ToString();
    }

    private static void Matrix(StringBuilder page, ReportView view, DecisionReport student)
    {
        page.Append("<div class=\"scroll\"><table><caption>Confusion matrix: a row for each label, a column for what it was taken for"
            + "</caption><thead><tr><th></th>");
        foreach (var name in view.Classes) page.Append($"<th class=\"n\">{Html(name)}</th>");
        page.Append("</tr></thead><tbody>\n");
        foreach (var (label, figures) in student.Classes.Index())
        {
            var wrong = student.Confusions.Where(one => one.Label == label).ToDictionary(one => one.Decided, one => one.Samples);
            page.Append($"<tr><th>{Html(view.Classes[label])}</th>");
            for (var decided = 0; decided < view.Classes.Count; decided++)
            {
                var count = decided == label ? figures.Samples - wrong.Values.Sum() : wrong.GetValueOrDefault(decided);
                page.Append($"<td class=\"n\">{(count == 0 ? "·" : Count(count))}</td>");
            }
            page.Append("</tr>\n");
        }
        page.Append("</tbody></table></div>\n");
    }
}
