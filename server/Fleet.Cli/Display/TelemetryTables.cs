using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Telemetry;

namespace Fleet.Cli.Display;

/// <summary>What devices served, as tables and bars for a terminal.</summary>
internal static class TelemetryTables
{
    private const int ChartWidth = 30;

    /// <summary>A line for each device and model, then predicted values and boxes in sentences.</summary>
    public static void WriteTable(Shell screen, IReadOnlyList<TelemetryView> views)
    {
        var sheet = new Sheet("device", "model", "variant", ">inferences", ">errors", ">p50 ms", ">p95 ms", ">p99 ms?", ">cpu?",
            ">memory?", ">temp.?", "over time?");
        foreach (var view in views.OrderBy(view => view.Device?.Value).ThenBy(view => view.Model))
        {
            sheet.Add(
                view.Device?.Value ?? "all devices", $"{view.Model} {view.Version}", view.Variant, view.Count,
                new Cell(Figures.Count(view.Errors), view.Errors > 0 ? Tone.Bad : Tone.Plain),
                Figures.BareMilliseconds(view.Latency?.P50), Figures.BareMilliseconds(view.Latency?.P95),
                Figures.BareMilliseconds(view.Latency?.P99),
                view.Resources?.CpuUsage is { } cpu ? Figures.Percent(cpu) : Figures.None, Figures.Bytes(view.Resources?.AgentMemoryBytes),
                view.Resources?.TemperatureCelsius is { } celsius ? FormattableString.Invariant($"{celsius:0} °C") : Figures.None,
                Charts.Sparkline([.. view.Series.Select(point => point.Count)], 12));
        }
        screen.Write(sheet);
        foreach (var view in views.OrderBy(view => view.Device?.Value).ThenBy(view => view.Model))
        {
            var name = view.Device?.Value ?? "all devices";
            foreach (var (column, value) in (view.Values ?? []).Index())
                screen.WriteSentence($"{name}, {view.Model}: predicted{(view.Values!.Count > 1 ? $" value {column + 1}" : "")} "
                    + $"{Of(value)}");
            if (view.Boxes is { } boxes)
                screen.WriteSentence($"{name}, {view.Model}: boxes a sample {Of(boxes.Number)}; their size {Of(boxes.Size)}");
        }
    }

    private static string Of(ValueStats values)
        => FormattableString.Invariant(
            $"{values.Mean:0.####} ± {values.Deviation:0.####}, {values.Minimum:0.####} to {values.Maximum:0.####}");

    /// <summary>Decisions by class, and how sure they were.</summary>
    public static void WriteCharts(Shell screen, string title, IReadOnlyList<TelemetryView> views, IReadOnlyList<string> names)
    {
        var classes = Sum(views.Select(view => view.Classes));
        var confidence = Sum(views.Select(view => view.Confidence));
        if (CountSum.Of(classes) == 0) return; // Nothing was decided, errors aside.
        screen.WriteLine();
        screen.WriteHeading($"{title}: decisions by class");
        Bars(screen, classes, index => index < names.Count ? names[index] : $"class {index}");
        if (CountSum.Of(confidence) == 0) return;
        screen.WriteLine();
        screen.WriteHeading($"{title}: confidence of the winning class");
        Bars(screen, confidence, tenth => $"{tenth * 10}-{(tenth + 1) * 10} %");
    }

    private static void Bars(Shell screen, long[] counts, Func<int, string> name)
    {
        var (total, largest) = (counts.Sum(count => (double)count), counts.Max());
        var sheet = new Sheet("", ">", ">", "");
        for (var i = 0; i < counts.Length; i++)
            sheet.Add(name(i), counts[i], Figures.Percent(counts[i] / total), Charts.Bar((double)counts[i] / largest, ChartWidth));
        screen.Write(sheet);
    }

    private static long[] Sum(IEnumerable<IReadOnlyList<long>> counts)
    {
        var sum = Array.Empty<long>();
        foreach (var one in counts)
        {
            if (one.Count > sum.Length) Array.Resize(ref sum, one.Count);
            for (var i = 0; i < one.Count; i++) sum[i] = CountSum.Of(sum[i], one[i]);
        }
        return sum;
    }
}
