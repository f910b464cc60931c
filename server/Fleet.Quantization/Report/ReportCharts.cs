using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>The charts of the report page, as SVG that takes its colours from the page.</summary>
internal static class ReportCharts
{
    private const double LetterWidth = 6.6, LineHeight = 16;
    private static readonly double[] Roundings = [1, 2, 2.5, 5, 10];

    /// <summary>A variant, or the fp32 model, as a mark in a chart.</summary>
    /// <param name="Name">Its label.</param>
    /// <param name="Mark">Its shape and colour.</param>
    /// <param name="State">Accepted, chosen or rejected.</param>
    /// <param name="Cost">What lies across: bytes or milliseconds; less is better.</param>
    /// <param name="Quality">What lies up, with its sign such that more is better.</param>
    internal sealed record ChartPoint(string Name, ReportMark Mark, MarkState State, double Cost, double Quality);

    /// <summary>Size of the file against quality, of one profile; null when nothing could be made.</summary>
    public static string? SizeAndQuality(ReportView view, string profile)
        => Scatter(view, Points(view, profile, variant => variant.Bytes, view.Original.Bytes), "size of the file", Size);

    /// <summary>Median latency against quality, of one profile; null when it was not timed.</summary>
    public static string? LatencyAndQuality(ReportView view, string profile)
        => Scatter(view, Points(
            view, profile, variant => variant.Scores?.Latency?.P50.TotalMilliseconds, view.Original.Scores.Latency?.P50.TotalMilliseconds),
            "median time of one inference", milliseconds => Time(TimeSpan.FromMilliseconds(milliseconds)));

    /// <summary>
    /// Size against quality of the students that a search considered, a network once, as it did in the last round that it reached; null
    /// when no labels judged.
    /// </summary>
    public static string? Searched(ReportView view, SearchReport search)
    {
        if (view.Measure.IsCloseness) return null;
        string[] families = [.. search.Trials.Select(trial => trial.Family).Distinct().Order(StringComparer.Ordinal)];
        return Scatter(view, [
            .. search.Trials.Where(trial => trial.Rungs.Count > 0).GroupBy(trial => trial.Name)
                .Select(network => network.OrderByDescending(trial => trial.Chosen).ThenByDescending(trial => trial.Rungs[^1].Number)
                    .ThenBy(trial => trial.Rungs[^1].Loss).First())
                .Select(trial => new ChartPoint(trial.Name, ReportMark.OfNumber(Array.IndexOf(families, trial.Family)),
                    trial.Chosen ? MarkState.Chosen : MarkState.Accepted, trial.Bytes, trial.Rungs[^1].Figure.Goodness())),
        ], "size of the 8-bit file", Size);
    }

    /// <summary>The marks of a profile: its variants, and the fp32 model. A cost that was not measured has none.</summary>
    internal static IReadOnlyList<ChartPoint> Points(
        ReportView view, string profile, Func<VariantReport, double?> costOf, double? costOfOriginal)
    {
        var points = new List<ChartPoint>();
        var variants = view.Variants.Where(variant => variant.Profile == profile).ToArray();
        foreach (var variant in variants)
        {
            if (costOf(variant) is { } cost && view.Measure.Of(variant) is { } quality)
                points.Add(new ChartPoint(ShortName(variant), ReportMark.Of(variant.Scheme), StateOf(variant), cost, quality.Goodness()));
        }
        if (points.Count > 0 && costOfOriginal is { } original && variants.All(variant => variant.Scheme != "fp32"))
            points.Add(new ChartPoint("fp32", ReportMark.Original, MarkState.Accepted, original, view.Measure.Original?.Goodness() ?? 0));
        return points;
    }

    /// <summary>How a variant is drawn.</summary>
    public static MarkState StateOf(VariantReport variant)
        => variant.Chosen ? MarkState.Chosen : variant.Accepted ? MarkState.Accepted : MarkState.Rejected;

    /// <summary>What nothing else costs less than and is at least as good, cheapest first; what was rejected is not among it.</summary>
    internal static IReadOnlyList<ChartPoint> Front(IEnumerable<ChartPoint> points)
    {
        var front = new List<ChartPoint>();
        foreach (var point in points.Where(point => point.State != MarkState.Rejected).OrderBy(point => point.Cost)
            .ThenByDescending(point => point.Quality))
        {
            if (front.Count == 0 || point.Quality > front[^1].Quality) front.Add(point);
        }
        return front;
    }

    /// <summary>Median latency as bars with a whisker to the 99th percentile; null when nothing was timed.</summary>
    public static string? Latency(ReportView view)
    {
        const int Width = 1000, Row = 38, Left = 210, Right = 170;
        var timed = new List<(string Name, string Kind, LatencySummary Latency, double? SpeedUp)>();
        timed.AddRange(view.Networks.Where(network => network.Network.Scores.Latency is not null && network.Network != view.Original)
            .Select(network => ($"{network.Name}, fp32", network.Mark, network.Network.Scores.Latency!, (double?)null)));
        if (view.Original.Scores.Latency is { } original)
            timed.Add((view.Networks.Count > 0 ? "student, fp32" : "fp32", ReportMark.Original.Kind, original, null));
        timed.AddRange(view.Variants.Where(variant => variant.Scores?.Latency is not null && variant.Scheme != "fp32")
            .Select(variant => (variant.Id, ReportMark.Of(variant.Scheme).Kind, variant.Scores!.Latency!, variant.SpeedUp)));
        if (timed.Count == 0) return null;

        var longest = timed.Max(one => one.Latency.P99.TotalMilliseconds);
        double X(TimeSpan time) => Left + time.TotalMilliseconds / longest * (Width - Left - Right);
        var svg = Begin(Width, timed.Count * Row + 8, "Latency of one inference");
        foreach (var (index, one) in timed.Index())
        {
            var y = index * Row + 20.0;
            Text(svg, Left - 14, y + 4, "name", one.Name, "end");
            var width = Math.Max(2, X(one.Latency.P50) - Left);
            svg.Append($"<path class=\"bar {one.Kind}\" d=\"M{Left} {N(y - 9)}h{N(Math.Max(0, width - 4))}a4 4 0 0 1 4 4v10a4 4 0 0 1 -4 "
                + $"4h-{N(Math.Max(0, width - 4))}z\"><title>p50 {Time(one.Latency.P50)}, p95 {Time(one.Latency.P95)}, p99 "
                + $"{Time(one.Latency.P99)}</title></path>");
            svg.Append($"<line class=\"whisker {one.Kind}\" x1=\"{N(X(one.Latency.P50))}\" y1=\"{N(y)}\" x2=\"{N(X(one.Latency.P99))}\" "
                + $"y2=\"{N(y)}\"/>");
            Text(svg, X(one.Latency.P99) + 12, y + 4, "quiet",
                $"{Time(one.Latency.P50)}{(one.SpeedUp is { } speed ? $", {Factor(speed)}" : "")}", "start");
        }
        return End(svg);
    }

    /// <summary>
    /// The metric that decides, on held-out samples, by epoch: the teacher, and the student over its phases; null when nothing was trained,
    /// or nothing was held out.
    /// </summary>
    public static string? Training(ReportView view)
    {
        const int Width = 1000, Height = 320, Left = 56, Right = 130, Top = 34, Bottom = 40;
        var curves = view.Networks.Where(network => network.Network.Epochs is [{ IsJudged: true }, ..])
            .Select(network => (network.Name, network.Mark, network.Network.Epochs)).ToArray();
        if (curves.Length == 0) return null;
        var epochs = curves.Max(curve => curve.Epochs.Count);
        var metric = curves[0].Epochs[0].Reached();
        var isShare = metric.Unit == Units.Ratio;
        var values = curves.SelectMany(curve => curve.Epochs).Select(epoch => epoch.Reached().Value).ToArray();
        var (low, high, step) = Ticks(values.Min(), values.Max(), isShare ? 0.004 : 1e-6);
        (low, high) = (Math.Max(0, low), isShare ? Math.Min(1, high) : high);
        string Figure(double value) => isShare ? Percent(value) : Units.Text(Math.Round(value, 4), metric.Unit);
        double X(double epoch) => Left + (epochs == 1 ? 0.5 : epoch / (epochs - 1.0)) * (Width - Left - Right);
        double Y(double value) => Top + (high - value) / (high - low) * (Height - Top - Bottom);

        var svg = Begin(Width, Height, $"{metric.Title()} by epoch");
        for (var tick = low; tick <= high + step / 2; tick += step) Horizontal(svg, Y(tick), Left, Width - Right, Figure(tick));
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        for (var epoch = 0; epoch < epochs; epoch += Math.Max(1, (int)Math.Ceiling(epochs / 12.0)))
            Text(svg, X(epoch), Height - Bottom + 20, "tick", (epoch + 1).ToString(CultureInfo.InvariantCulture), "middle");
        Text(svg, Width - Right, Height - 2, "tick", "epoch", "end");

        // Where a phase begins is said above the plot, where no curve and no name of one can be.
        var heads = new List<Box>();
        foreach (var curve in curves)
        {
            foreach (var (i, epoch) in curve.Epochs.Index().Skip(1).Where(pair => pair.Item.Phase != curve.Epochs[pair.Index - 1].Phase))
            {
                var x = X(i - 0.5);
                Line(svg, "phase", x, Top - 6, x, Height - Bottom);
                var text = $"{curve.Name}: {epoch.Phase}";
                var head = Free(heads, Math.Min(x, Width - text.Length * LetterWidth) - 4, text, Top - 12);
                heads.Add(head);
                Text(svg, head.From + 4, head.Y, "quiet", text, "start");
            }
        }
        var taken = new List<Box>();
        foreach (var curve in curves)
        {
            svg.Append($"<polyline class=\"curve stroke {curve.Mark}\" "
                + $"points=\"{string.Join(' ', curve.Epochs.Select((epoch, i) => $"{N(X(i))},{N(Y(epoch.Reached().Value))}"))}\"/>");
            foreach (var (i, epoch) in curve.Epochs.Index())
                svg.Append($"<circle class=\"dot {curve.Mark}\" cx=\"{N(X(i))}\" cy=\"{N(Y(epoch.Reached().Value))}\" "
                    + $"r=\"4\"><title>{Html(curve.Name)}, {Html(epoch.Phase)} epoch {epoch.Epoch}: {Html(Figure(epoch.Reached().Value))}, "
                    + $"loss {epoch.Loss.ToString("0.####", CultureInfo.InvariantCulture)}</title></circle>");
            var text = $"{curve.Name} {Figure(curve.Epochs[^1].Reached().Value)}";
            var label = Free(taken, Width - Right + 14, text, Y(curve.Epochs[^1].Reached().Value));
            taken.Add(label);
            Text(svg, Width - Right + 14, label.Y + 4, "name", text, "start");
        }
        return End(svg);
    }

    /// <summary>Precision over recall as a bound falls; null where there is nothing to find.</summary>
    public static string? PrecisionRecall(IReadOnlyList<PrecisionAtRecall> curve)
    {
        const int Width = 470, Height = 320, Left = 56, Right = 18, Top = 12, Bottom = 46;
        if (curve.Count == 0) return null;
        double X(double recall) => Left + recall * (Width - Left - Right);
        double Y(double precision) => Top + (1 - precision) * (Height - Top - Bottom);
        var svg = Begin(Width, Height, "Precision over recall");
        for (var tick = 0; tick <= 4; tick++)
        {
            Horizontal(svg, Y(tick / 4.0), Left, Width - Right, Percent(tick / 4.0));
            Text(svg, X(tick / 4.0), Height - Bottom + 19, "tick", Percent(tick / 4.0), "middle");
        }
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        Text(svg, Width - Right, Height - 4, "tick", "recall", "end");
        svg.Append("<polyline class=\"curve stroke mark-student\" "
            + $"points=\"{string.Join(' ', curve.Select(point => $"{N(X(point.Recall))},{N(Y(point.Precision))}"))}\"/>");
        return End(svg);
    }

    /// <summary>Cost across from zero, quality up, the front joined.</summary>
    private static string? Scatter(ReportView view, IReadOnlyList<ChartPoint> points, string across, Func<double, string> text)
    {
        const int Width = 470, Height = 320, Left = 62, Right = 18, Top = 12, Bottom = 46;
        if (points.Count == 0) return null;
        var most = points.Max(point => point.Cost) * 1.12;
        var step = Step(most, 5);
        // What equals the fp32 model has no noise, so that decibels have no place for it: it lies on the top line, which says so.
        var measure = view.Measure;
        var finite = points.Where(point => !measure.IsCloseness || point.Quality < Closeness.Exact)
            .Select(point => point.Quality).DefaultIfEmpty(0).ToArray();
        var (low, high, rise) = Ticks(measure.IsCloseness ? Math.Max(finite.Min(), -10) : finite.Min(), finite.Max(),
            measure.IsCloseness ? 8 : measure.Unit == Units.Ratio ? 0.01 : Math.Max(1e-6, finite.Max(Math.Abs) / 100));
        // A share is at most 1; an error, which lies upside down, at least 0.
        if (!measure.IsCloseness) high = Math.Min(measure.Unit == Units.Ratio ? 1 : 0, high);
        if (measure.Unit == Units.Ratio) low = Math.Max(0, low);
        var top = measure.IsCloseness ? high + rise : high;
        string Figure(double quality) => measure.Text(measure.Better == MetricDirection.Higher ? quality : -quality);
        double X(double cost) => Left + cost / most * (Width - Left - Right);
        double Y(double quality) => Top + (top - Math.Clamp(quality, low, top)) / (top - low) * (Height - Top - Bottom);

        var svg = Begin(Width, Height, $"{Capital(across)} against {measure.Title}");
        for (var tick = low; tick <= high + rise / 2; tick += rise)
            Horizontal(svg, Y(tick), Left, Width - Right,
                measure.IsCloseness ? tick.ToString("0.#", CultureInfo.InvariantCulture) + " dB" : Figure(tick));
        if (measure.IsCloseness) Horizontal(svg, Y(top), Left, Width - Right, "exact");
        for (var tick = 0.0; tick < most; tick += step)
            Text(svg, X(tick), Height - Bottom + 19, "tick", tick == 0 ? "0" : text(tick), "middle");
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        Text(svg, Width - Right, Height - 4, "tick", across, "end");

        var front = Front(points);
        if (front.Count > 1)
            svg.Append($"<polyline class=\"front\" "
                + $"points=\"{string.Join(' ', front.Select(point => $"{N(X(point.Cost))},{N(Y(point.Quality))}"))}\"/>");
        var taken = points.Select(point => new Box(X(point.Cost) - 12, X(point.Cost) + 12, Y(point.Quality))).ToList();
        var labels = new StringBuilder();
        foreach (var point in points.OrderBy(point => point.State == MarkState.Chosen ? 0 : 1)
            .ThenByDescending(point => point.Quality).ThenBy(point => point.Cost))
        {
            var (x, y, name) = (X(point.Cost), Y(point.Quality), point.Name);
            // The ring around the choice takes room.
            var gap = point.State == MarkState.Chosen ? 18 : 14;
            var toTheLeft = x + gap + name.Length * LetterWidth > Width;
            var label = Free(taken, toTheLeft ? x - gap - name.Length * LetterWidth : x + gap, name, y);
            // The next name keeps a distance: two that touch read as one.
            taken.Add(label with { From = label.From - LetterWidth, To = label.To + LetterWidth });
            if (Math.Abs(label.Y - y) > 7)
                Line(labels, "leader", x + (toTheLeft ? -5 : 5), y + (label.Y > y ? 5 : -5), x + (toTheLeft ? 2 - gap : gap - 2), label.Y);
            Text(labels, x + (toTheLeft ? -gap : gap), label.Y + 4,
                point.State == MarkState.Rejected ? "quiet" : point.State == MarkState.Chosen ? "name strong" : "name",
                name, toTheLeft ? "end" : "start");
        }
        foreach (var point in points)
        {
            svg.Append(point.Mark.Svg(X(point.Cost), Y(point.Quality), 6.5, point.State,
                $"{Html(point.Name)}: {text(point.Cost)}, "
                    + Figure(point.Quality)
                    + point.State switch { MarkState.Rejected => ", rejected", MarkState.Chosen => ", chosen", _ => "" }));
        }
        svg.Append(labels);
        return End(svg);
    }

    /// <summary>Round bounds and distance for a range, three to six lines.</summary>
    internal static (double Low, double High, double Step) Ticks(double low, double high, double least)
    {
        var span = Math.Max(high - low, least);
        var step = Step(span, 5);
        return (Math.Floor((low - span * 0.12) / step) * step, Math.Ceiling((high + span * 0.05) / step) * step, step);
    }

    /// <summary>The smallest round distance that divides a span into at most <paramref name="lines"/>.</summary>
    internal static double Step(double span, int lines)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(span / lines)));
        return Roundings.Select(rounding => rounding * power).First(step => span / step <= lines + 1e-9);
    }

    /// <summary>Something one line high that a label must not lie over.</summary>
    private sealed record Box(double From, double To, double Y);

    /// <summary>The free place for a label nearest to <paramref name="y"/>, a line up or down at a time.</summary>
    private static Box Free(IReadOnlyCollection<Box> taken, double from, string text, double y)
    {
        for (var line = 0; ; line++)
        {
            var place = new Box(from, from + text.Length * LetterWidth, y + (line + 1) / 2 * LineHeight * (line % 2 == 0 ? -1 : 1));
            if (!taken.Any(other => other.From < place.To && place.From < other.To && Math.Abs(other.Y - place.Y) < LineHeight - 0.5))
                return place;
        }
    }

    internal static StringBuilder Begin(int width, int height, string title)
        => new StringBuilder().Append(
            CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{Html(title)}\">");

    internal static string End(StringBuilder svg) => svg.Append("</svg>").ToString();

    internal static void Horizontal(StringBuilder svg, double y, double from, double to, string label)
    {
        Line(svg, "grid", from, y, to, y);
        Text(svg, from - 8, y + 4, "tick", label, "end");
    }

    internal static void Line(StringBuilder svg, string kind, double x1, double y1, double x2, double y2)
        => svg.Append($"<line class=\"{kind}\" x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\"/>");

    internal static void Text(StringBuilder svg, double x, double y, string kind, string text, string anchor)
        => svg.Append($"<text class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\" text-anchor=\"{anchor}\">{Html(text)}</text>");

    internal static string N(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);
}
