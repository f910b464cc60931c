using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>What a build's page says of how anomalies are found, or the samples of a rare class.</summary>
internal static class ReportAnomalies
{
    /// <summary>The section; empty where nothing is sought.</summary>
    public static string Render(ReportView view) => view.Original.Anomalies is { } figures ? OfAnomalies(view, figures)
        : view.Decisions?.Rarest is { } rarest && view.Classes.Count > rarest.Class ? OfRarest(view, rarest)
        : "";

    private static string OfAnomalies(ReportView view, AnomalyFigures figures)
    {
        var page = new StringBuilder("<section><h2>Anomalies</h2><p class=\"note\">A score is the mean squared error of what the student "
            + "rebuilds of a sample, in deviations, and of prototypes the squared distance from the nearest as well, divided by the "
            + "threshold: above 1 a sample is an anomaly. The threshold, ")
            .Append(CultureInfo.InvariantCulture, $"{figures.Threshold:0.####}, was found on {Count(figures.ThresholdSamples)} normal ")
            .Append("validation samples for a false positive rate of ").Append(Share(figures.AskedFalsePositiveRate))
            .Append($"; of {Count(figures.Normal)} normal test samples {Share(figures.FalsePositiveRate)} are above it.</p>\n");
        Alarms(page, view.Variants);
        if (figures.Kinds.Count == 0)
            return page.Append("<p>No anomalies were given: how many are found was not measured.</p></section>\n").ToString();
        page.Append("<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Figure</th><th class=\"n\">Student</th>"
            + "<th class=\"n\">95 % interval</th></tr></thead><tbody>\n");
        foreach (var figure in view.Original.Scores.Metrics.Where(figure => !Metric.IsCost(figure.Name)))
        {
            var interval = view.Original.Intervals.FirstOrDefault(one => one.Name == figure.Name);
            page.Append($"<tr data-figure=\"{Html(figure.Name)}\"><td>{Html(figure.Title())}</td>"
                + Cell("Student", Units.Brief(figure.Value, figure.Unit)) + Cell("95 % interval", interval is null ? "–"
                    : $"{Units.Brief(interval.Low, figure.Unit)} to {Units.Brief(interval.High, figure.Unit)}") + "</tr>\n");
        }
        page.Append("</tbody></table></div><div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Kind of anomaly</th>"
            + "<th class=\"n\">Test samples</th><th class=\"n\">Found at the threshold</th></tr></thead><tbody>\n");
        foreach (var kind in figures.Kinds)
            page.Append($"<tr><td>{Html(kind.Name)}</td>{Cell("Test samples", Count(kind.Samples))}"
                + $"{Cell("Found", Percent(kind.Recall))}</tr>\n");
        return page.Append("</tbody></table></div>").Append(Figure("anomalies", figures.Curve)).Append("</section>\n").ToString();
    }

    private static void Alarms(StringBuilder page, IReadOnlyList<VariantReport> variants)
    {
        if (!variants.Any(variant => variant.FalsePositives is not null)) return;
        page.Append("<div class=\"scroll\"><table class=\"cards\"><thead><tr><th>Variant</th><th class=\"n\">Threshold</th>"
            + "<th class=\"n\">False positive rate</th><th class=\"n\">95 % interval</th></tr></thead><tbody>\n");
        foreach (var variant in variants)
        {
            if (variant.FalsePositives is not { } alarms) continue;
            page.Append($"<tr data-alarms=\"{Html(variant.Id)}\"><td>{Html(variant.Id)}</td>"
                + Cell("Threshold", alarms.Threshold?.ToString("0.####", CultureInfo.InvariantCulture) ?? "–")
                + Cell("False positive rate", Share(alarms.Rate))
                + Cell("95 % interval", $"{Share(alarms.Low)} to {Share(alarms.High)}") + "</tr>\n");
        }
        page.Append("</tbody></table></div>\n");
    }

    private static string OfRarest(ReportView view, RarestClass rarest)
        => $"<section><h2>The rarest class</h2><p class=\"note\">How well the student's probability of "
            + $"'{Html(view.Classes[rarest.Class])}' tells its {Count(rarest.Samples)} test samples from all others, wherever a bound "
            + $"on it lies: average precision {Percent(rarest.AveragePrecision)}.</p>"
            + $"{Figure($"'{view.Classes[rarest.Class]}'", rarest.Curve)}</section>\n";

    private static string Figure(string sought, IReadOnlyList<PrecisionAtRecall> curve)
        => ReportCharts.PrecisionRecall(curve) is { } chart
            ? $"<figure><figcaption>Precision and recall of {Html(sought)}<span>up and right is better</span></figcaption>{chart}</figure>"
            : "";

    private static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.##} %");
}
