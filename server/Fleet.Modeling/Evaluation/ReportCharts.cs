using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;
using static Fleet.Modeling.Evaluation.ReportPage;

namespace Fleet.Modeling.Evaluation;

/// <summary>The charts of the report page, as SVG that takes its colours from the page.</summary>
internal static class ReportCharts
{
    private const int Width = 1000;
    private const double LetterWidth = 6.4, LineHeight = 17;
    private static readonly string[] Profiles = ["x64", "arm-cpu", "jetson"];
    private static readonly double[] Steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
    private static readonly double[] FineFactors = [1, 2, 5];
    private static readonly double[] CoarseFactors = [1, 3];

    /// <summary>The colour class of a profile: the built-in ones have their own, others take what is left, always the same.</summary>
    public static string ColourOf(string profile) => Array.IndexOf(Profiles, profile) is >= 0 and var known
        ? $"p{known}"
        : $"p{Profiles.Length + profile.Sum(letter => letter) % 2}";

    /// <summary>Every network by file size (logarithmic) and accuracy, with the front that nothing beats on both.</summary>
    public static string SizeAndAccuracy(BuildReport report)
    {
        const int Height = 400, Left = 56, Right = 20, Top = 16, Bottom = 44;
        var points = Points(report);
        if (points.Count == 0) return "";
        var (smallest, largest) = (Math.Log10(points.Min(point => point.Bytes)), Math.Log10(points.Max(point => point.Bytes)));
        var margin = Math.Max(0.12, (largest - smallest) * 0.06);
        (smallest, largest) = (smallest - margin, largest + margin * 2.2);
        var (low, high, step) = Ticks(points.Min(point => point.Accuracy), points.Max(point => point.Accuracy));
        double X(double bytes) => Left + (Math.Log10(bytes) - smallest) / (largest - smallest) * (Width - Left - Right);
        double Y(double accuracy) => Top + (high - accuracy) / (high - low) * (Height - Top - Bottom);

        var svg = Begin(Height, "File size against accuracy");
        for (var tick = low; tick <= high + step / 2; tick += step) Horizontal(svg, Y(tick), Left, Width - Right, Percent(tick));
        foreach (var bytes in SizeTicks(smallest, largest)) Text(svg, X(bytes), Height - Bottom + 22, "tick", Size(bytes), "middle");
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        Text(svg, Width - Right, Height - 4, "tick", "size of the file, logarithmic", "end");

        var front = Front(points);
        svg.Append($"<polyline class=\"front\" points=\"{string.Join(' ', front.Select(point => $"{N(X(point.Bytes))},{N(Y(point.Accuracy))}"))}\"/>");
        foreach (var point in points)
            svg.Append($"<circle class=\"dot {point.Colour}{(point.Accepted ? "" : " hollow")}\" cx=\"{N(X(point.Bytes))}\" cy=\"{N(Y(point.Accuracy))}\" r=\"7\"><title>{Html(point.Name)}: {Size(point.Bytes)}, {Percent(point.Accuracy)}{(point.Accepted ? "" : ", rejected")}</title></circle>");
        var taken = points.Select(point => new Box(X(point.Bytes) - 9, X(point.Bytes) + 9, Y(point.Accuracy))).ToList();
        foreach (var point in points.OrderByDescending(point => point.Accuracy).ThenBy(point => point.Bytes))
        {
            var (x, y, text) = (X(point.Bytes), Y(point.Accuracy), $"{point.Name}, {Size(point.Bytes)}");
            var toTheLeft = x > Width - 190;
            var label = Free(taken, toTheLeft ? x - 14 - text.Length * LetterWidth : x + 14, text, y);
            taken.Add(label);
            if (Math.Abs(label.Y - y) > 7) Line(svg, "leader", x + (toTheLeft ? -6 : 6), y + (label.Y > y ? 5 : -5), x + (toTheLeft ? -12 : 12), label.Y);
            Text(svg, x + (toTheLeft ? -15 : 15), label.Y + 4, point.Accepted ? "name" : "quiet", text, toTheLeft ? "end" : "start");
        }
        return End(svg);
    }

    /// <summary>Median latency as bars with a whisker to the 99th percentile; null when nothing was timed.</summary>
    public static string? Latency(BuildReport report)
    {
        const int Row = 40, Left = 190, Right = 190;
        var timed = new List<(string Name, string Colour, LatencySummary Latency, double? SpeedUp)>();
        if (report.Teacher?.Scores.Latency is { } teacher) timed.Add(("teacher, fp32", "mark-teacher", teacher, null));
        if (report.Student.Scores.Latency is { } student) timed.Add(("student, fp32", "mark-student", student, null));
        timed.AddRange(report.Variants.Where(variant => variant.Scores?.Latency is not null).Select(variant => (variant.Id, ColourOf(variant.Profile), variant.Scores!.Latency!, variant.SpeedUp)));
        if (timed.Count == 0) return null;

        var longest = timed.Max(one => one.Latency.P99.TotalMilliseconds);
        double X(TimeSpan time) => Left + time.TotalMilliseconds / longest * (Width - Left - Right);
        var svg = Begin(timed.Count * Row + 8, "Latency of one inference");
        foreach (var (index, one) in timed.Index())
        {
            var y = index * Row + 22.0;
            Text(svg, Left - 14, y + 4, "name", one.Name, "end");
            var width = Math.Max(2, X(one.Latency.P50) - Left);
            svg.Append($"<path class=\"bar {one.Colour}\" d=\"M{Left} {N(y - 9)}h{N(Math.Max(0, width - 4))}a4 4 0 0 1 4 4v10a4 4 0 0 1 -4 4h-{N(Math.Max(0, width - 4))}z\"><title>p50 {Time(one.Latency.P50)}, p95 {Time(one.Latency.P95)}, p99 {Time(one.Latency.P99)}</title></path>");
            svg.Append($"<line class=\"whisker {one.Colour}\" x1=\"{N(X(one.Latency.P50))}\" y1=\"{N(y)}\" x2=\"{N(X(one.Latency.P99))}\" y2=\"{N(y)}\"/>");
            Text(svg, X(one.Latency.P99) + 12, y + 4, "quiet", $"{Time(one.Latency.P50)}{(one.SpeedUp is { } speed ? $", {speed.ToString("0.00", CultureInfo.InvariantCulture)}×" : "")}", "start");
        }
        return End(svg);
    }

    /// <summary>Accuracy on held-out samples by epoch: the teacher, and the student over its phases; null when nothing was trained.</summary>
    public static string? Training(BuildReport report)
    {
        const int Height = 300, Left = 56, Right = 130, Top = 16, Bottom = 40;
        (string Name, string Colour, IReadOnlyList<EpochReport> Epochs)[] curves =
            [.. new[] { ("teacher", "mark-teacher", report.Teacher?.Epochs ?? []), ("student", "p0", report.Student.Epochs) }.Where(curve => curve.Item3.Count > 0)];
        if (curves.Length == 0) return null;
        var epochs = curves.Max(curve => curve.Epochs.Count);
        var (low, high, step) = Ticks(curves.Min(curve => curve.Epochs.Min(epoch => epoch.Accuracy)), curves.Max(curve => curve.Epochs.Max(epoch => epoch.Accuracy)));
        double X(int epoch) => Left + (epochs == 1 ? 0.5 : epoch / (epochs - 1.0)) * (Width - Left - Right);
        double Y(double accuracy) => Top + (high - accuracy) / (high - low) * (Height - Top - Bottom);

        var svg = Begin(Height, "Accuracy by epoch");
        for (var tick = low; tick <= high + step / 2; tick += step) Horizontal(svg, Y(tick), Left, Width - Right, Percent(tick));
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        for (var epoch = 0; epoch < epochs; epoch += Math.Max(1, (int)Math.Ceiling(epochs / 12.0)))
            Text(svg, X(epoch), Height - Bottom + 20, "tick", (epoch + 1).ToString(CultureInfo.InvariantCulture), "middle");
        Text(svg, Width - Right, Height - 2, "tick", "epoch", "end");

        var taken = new List<Box>();
        foreach (var curve in curves)
        {
            svg.Append($"<polyline class=\"curve stroke {curve.Colour}\" points=\"{string.Join(' ', curve.Epochs.Select((epoch, i) => $"{N(X(i))},{N(Y(epoch.Accuracy))}"))}\"/>");
            foreach (var (i, epoch) in curve.Epochs.Index())
            {
                svg.Append($"<circle class=\"dot {curve.Colour}\" cx=\"{N(X(i))}\" cy=\"{N(Y(epoch.Accuracy))}\" r=\"4\"><title>{Html(curve.Name)}, {Html(epoch.Phase)} epoch {epoch.Epoch}: {Percent(epoch.Accuracy)}, loss {epoch.Loss.ToString("0.####", CultureInfo.InvariantCulture)}</title></circle>");
                // Where a phase begins, other than the first, is said once.
                if (i > 0 && epoch.Phase != curve.Epochs[i - 1].Phase) Text(svg, X(i), Y(epoch.Accuracy) + 22, "quiet", epoch.Phase, "middle");
            }
            var text = $"{curve.Name} {Percent(curve.Epochs[^1].Accuracy)}";
            var label = Free(taken, Width - Right + 14, text, Y(curve.Epochs[^1].Accuracy));
            taken.Add(label);
            Text(svg, Width - Right + 14, label.Y + 4, "name", text, "start");
        }
        return End(svg);
    }

    /// <summary>What nothing is both smaller and more accurate than, from small to large.</summary>
    internal static IReadOnlyList<ChartPoint> Front(IEnumerable<ChartPoint> points)
    {
        var front = new List<ChartPoint>();
        foreach (var point in points.Where(point => point.Accepted).OrderBy(point => point.Bytes).ThenByDescending(point => point.Accuracy))
        {
            if (front.Count == 0 || point.Accuracy > front[^1].Accuracy) front.Add(point);
        }
        return front;
    }

    /// <summary>A network as a mark.</summary>
    internal sealed record ChartPoint(string Name, string Colour, long Bytes, double Accuracy, bool Accepted);

    private static List<ChartPoint> Points(BuildReport report)
    {
        var points = new List<ChartPoint>();
        if (report.Teacher?.Scores.Accuracy is { } teacher) points.Add(new ChartPoint("teacher", "mark-teacher", report.Teacher.Bytes, teacher, true));
        if (report.Student.Scores.Accuracy is { } student) points.Add(new ChartPoint("student", "mark-student", report.Student.Bytes, student, true));
        points.AddRange(report.Variants.Where(variant => variant is { Artifact: not null, Scores.Accuracy: not null } && variant.Scheme != "fp32")
            .Select(variant => new ChartPoint(variant.Id, ColourOf(variant.Profile), variant.Artifact!.Bytes, variant.Scores!.Accuracy!.Value, variant.Accepted)));
        return points;
    }

    /// <summary>Round bounds and distance for accuracies, four to eight lines.</summary>
    private static (double Low, double High, double Step) Ticks(double low, double high)
    {
        var span = Math.Max(high - low, 0.004);
        var step = Steps.FirstOrDefault(step => span / step <= 5, 0.2);
        return (Math.Max(0, Math.Floor((low - span * 0.1) / step) * step), Math.Min(1, Math.Ceiling((high + span * 0.05) / step) * step), step);
    }

    private static IEnumerable<double> SizeTicks(double smallest, double largest)
    {
        for (var power = Math.Floor(smallest); power <= largest; power++)
        {
            foreach (var factor in largest - smallest < 2 ? FineFactors : CoarseFactors)
            {
                var bytes = Math.Pow(10, power) * factor;
                if (Math.Log10(bytes) > smallest && Math.Log10(bytes) < largest) yield return bytes;
            }
        }
    }

    /// <summary>Something one line high that a label must not lie over.</summary>
    private sealed record Box(double From, double To, double Y);

    /// <summary>The free place for a label nearest to <paramref name="y"/>, a line up or down at a time.</summary>
    private static Box Free(IReadOnlyCollection<Box> taken, double from, string text, double y)
    {
        for (var line = 0; ; line++)
        {
            var place = new Box(from, from + text.Length * LetterWidth, y + (line + 1) / 2 * LineHeight * (line % 2 == 0 ? -1 : 1));
            if (!taken.Any(other => other.From < place.To && place.From < other.To && Math.Abs(other.Y - place.Y) < LineHeight - 0.5)) return place;
        }
    }

    private static StringBuilder Begin(int height, string title)
        => new StringBuilder().Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{title}\">");

    private static string End(StringBuilder svg) => svg.Append("</svg>").ToString();

    private static void Horizontal(StringBuilder svg, double y, double from, double to, string label)
    {
        Line(svg, "grid", from, y, to, y);
        Text(svg, from - 10, y + 4, "tick", label, "end");
    }

    private static void Line(StringBuilder svg, string kind, double x1, double y1, double x2, double y2)
        => svg.Append($"<line class=\"{kind}\" x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\"/>");

    private static void Text(StringBuilder svg, double x, double y, string kind, string text, string anchor)
        => svg.Append($"<text class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\" text-anchor=\"{anchor}\">{Html(text)}</text>");

    private static string N(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);
}
