using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using static Fleet.Quantization.Report.ReportCharts;
using static Fleet.Quantization.Report.ReportText;

namespace Fleet.Quantization.Report;

/// <summary>A variant layer by layer as one HTML file, in the manner of the report page.</summary>
internal static class InspectionPage
{
    /// <summary>The colours of the two figures, as the style sheet has them.</summary>
    private const string AloneKind = "k3", CumulativeKind = "k0";

    private const string None = "–";

    /// <summary>The page.</summary>
    public static string Render(InspectionReport report)
    {
        var page = new StringBuilder();
        var used = report.Samples.Preprocessing is { } preprocessing ? $" ({preprocessing})" : "";
        page.Append($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(report.Variant)}: layer by layer</title>
            <style>{ReportStyle.Sheet}</style>
            </head>
            <body>
            <main>
            <header>
            <p class="kicker">Layer by layer</p>
            <h1>{Html(report.Variant)}</h1>
            <p class="lead">{Html($"Beside {report.Reference}, on {Count(report.Samples.Count)} samples of {report.Samples.From}{used}. "
                + $"Its outputs are {Decibels(report.SignalToNoise)} close. {string.Join(' ', report.Settings)}")}</p>
            </header>
            <section><h2>Where errors come from, and how they gather</h2>
            <p class="note">Signal to noise of each layer's output against the float model, in the order in which layers run; higher is
            closer.</p><figure>{Chart(report.Layers)}</figure>
            <p class="legend"><span>{Dot(AloneKind)}alone: this layer rounded, reading what the float model computes</span>
            <span>{Dot(CumulativeKind)}together: in the variant, with all layers before it</span></p></section>
            <section><h2>Layers</h2><div class="scroll"><table class="cards">
            <thead><tr><th>Layer</th><th>Operator</th><th>Weights</th><th>Values</th><th class="n">Alone</th><th class="n">Together</th>
            <th class="n">Float range</th><th class="n">Rounded range</th><th class="n">Cut off</th>
            <th class="n">Outlier channels</th></tr></thead>
            <tbody>

            """);
        foreach (var layer in report.Layers) Row(page, layer);
        page.Append("</tbody></table></div></section>\n<section><h2>How to read this</h2><dl>\n");
        Term("Alone", "What rounding this layer's inputs, weights and output costs at its output. The lowest ones are where another "
            + "precision, or float, helps most.");
        Term("Together", "What has gathered so far. Where it falls below what the layer costs alone, errors of layers before it are grown; "
            + "where it rises again, they are averaged out.");
        Term("Cut off", "Share of the float model's values that lie outside the range which its integers can stand for.");
        Term("Outlier channels", $"Channels whose largest magnitude is more than {LayerInspection.OutlierFactor} times that of the median "
            + "channel. They stretch the range that all share, and the others are left with few steps.");
        if (report.Layers.Any(layer => layer.Rescaled))
            Term("Rescaled", "A technique changed the scale of this layer's channels (equalization). Each is compared in the scale that "
                + "suits it best.");
        if (report.NotCompared > 0)
            Term("Not compared", $"{Count(report.NotCompared)} rounded layers have no value of the same name in both models.");
        page.Append("</dl></section>\n</main>\n</body>\n</html>\n");
        return page.ToString();

        void Term(string term, string text) => page.Append($"<dt>{term}</dt><dd>{Html(text)}</dd>\n");
    }

    private static void Row(StringBuilder page, LayerInspection layer)
    {
        page.Append($"<tr data-layer=\"{Html(layer.Layer)}\"><td>{Html(layer.Layer)}</td><td>{Html(layer.Operator)}</td>")
            .Append($"<td>{Html(layer.Weights ?? None)}</td><td>{Html(layer.Activations ?? None)}</td>");
        Number(layer.Alone is { } alone ? Decibels(alone) : None);
        Number(Decibels(layer.Cumulative) + (layer.Rescaled ? "<small>rescaled</small>" : ""));
        Number(Range(layer.Minimum, layer.Maximum));
        Number(layer.Lowest is { } low && layer.Highest is { } high ? Range(low, high) : None);
        Number(layer.Saturated is { } share ? (share * 100).ToString("0.000", CultureInfo.InvariantCulture) + " %" : None);
        Number(layer.LargestFactor is { } factor
            ? $"{layer.OutlierChannels} of {layer.Channels}<small>channel {layer.LargestChannel}: {Factor(factor)}</small>" : None);
        page.Append("</tr>\n");

        void Number(string text) => page.Append($"<td class=\"n\">{text}</td>");
    }

    private static string Chart(IReadOnlyList<LayerInspection> layers)
    {
        const int Width = 1000, Height = 320, Left = 62, Right = 18, Top = 12, Bottom = 34;
        double[] finite = [
            .. layers.SelectMany(layer => new[] { layer.Alone, layer.Cumulative }).OfType<double>().Where(value => value < Closeness.Exact),
        ];
        var (low, high, step) = Ticks(finite.DefaultIfEmpty(0).Min(), finite.DefaultIfEmpty(0).Max(), 8);
        // What is equal has no noise: it lies on the top line, which says so.
        var top = high + step;
        double X(int layer) => Left + (layer + 0.5) / layers.Count * (Width - Left - Right);
        double Y(double value) => Top + (top - Math.Min(value, top)) / (top - low) * (Height - Top - Bottom);
        var svg = Begin(Width, Height, "Signal to noise of each layer, alone and together with all before it");
        for (var tick = low; tick <= high + step / 2; tick += step)
            Horizontal(svg, Y(tick), Left, Width - Right, tick.ToString("0.#", CultureInfo.InvariantCulture) + " dB");
        Horizontal(svg, Y(top), Left, Width - Right, "exact");
        Line(svg, "axis", Left, Height - Bottom, Width - Right, Height - Bottom);
        Text(svg, Left, Height - 6, "tick", "first layer", "start");
        Text(svg, Width - Right, Height - 6, "tick", "last layer", "end");
        svg.Append($"<polyline class=\"curve stroke {CumulativeKind}\" "
            + $"points=\"{string.Join(' ', layers.Select((layer, i) => $"{N(X(i))},{N(Y(layer.Cumulative))}"))}\"/>");
        foreach (var (i, layer) in layers.Index())
        {
            Mark(CumulativeKind, X(i), layer, layer.Cumulative, "together");
            if (layer.Alone is { } alone) Mark(AloneKind, X(i), layer, alone, "alone");
        }
        return End(svg);

        void Mark(string kind, double x, LayerInspection layer, double value, string what)
            => svg.Append($"<circle class=\"dot {kind}\" cx=\"{N(x)}\" cy=\"{N(Y(value))}\" r=\"4\"><title>{Html(layer.Layer)}, {what}: "
                + $"{Decibels(value)}</title></circle>");
    }

    private static string Dot(string kind)
        => $"<svg class=\"mark\" viewBox=\"0 0 20 20\" aria-hidden=\"true\"><circle class=\"dot {kind}\" cx=\"10\" cy=\"10\" "
            + "r=\"4.7\"/></svg>";

    private static string Range(double low, double high)
        => string.Create(CultureInfo.InvariantCulture, $"{low:G3} … {high:G3}");
}
