using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Telemetry;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet telemetry</c>: what devices serve, how fast, and what they decide.</summary>
internal static class TelemetryCommand
{
    private const int ChartWidth = 30;
    private const int DefaultLimit = 500;

    public static Command Create(Shell shell)
    {
        var device = new Option<string?>("--device") { HelpName = "ID", Description = "Only this device." };
        var model = new Option<string?>("--model") { HelpName = "NAME", Description = "Only this model." };
        var since = Verb.Duration("--since", "How far back [default: 1h].");
        var limit = new Option<int>("--limit")
        {
            HelpName = "N",
            Description = "Most devices to list.",
            DefaultValueFactory = _ => DefaultLimit,
        };
        return Verb.On(shell, "telemetry", """
            Telemetry: inferences, errors, latency, classes and confidence, as devices measured them.

            Examples:
              fleet telemetry
              fleet telemetry --model vibration --since 15m
              fleet telemetry --device press-7 --since 7d --json | jq '.[].latency.p95Ms'
            """, [device, model, since, limit], async (call, cancellationToken) =>
        {
            var span = call.Get(since) ?? TimeSpan.FromHours(1);
            var most = call.Get(limit);
            if (most < 1) throw new FleetException($"--limit {most} must be 1 or more.");
            var (views, isCut) = await call.Client.GetTelemetryAsync(
                call.Get(device), call.Get(model), call.Now - span, most, cancellationToken);
            if (views.Count == 0 && call.Get(model) is { } asked) await RequireModelAsync(call.Client, asked, cancellationToken);
            if (isCut)
                call.Shell.WriteHint($"Only the first {Figures.Count(most)} devices are listed; more served in this time. --limit lists "
                    + "more.");
            if (call.Json)
            {
                call.Shell.WriteJson(views, FleetJson.Default.IReadOnlyListTelemetryView);
                return;
            }
            // Sums count every device, listed or not.
            var together = call.Get(device) is null
                ? await call.Client.GetFleetTelemetryAsync(call.Get(model), call.Now - span, cancellationToken)
                : views;
            WriteTable(call.Shell, views.Count > 1 && call.Get(device) is null ? [.. together, .. views] : views);
            if (views.Count == 0)
            {
                call.Shell.WriteHint($"Nothing arrived in the last {DurationText.Of(span)}. --since looks further back.");
                return;
            }
            foreach (var group in together.Where(view => view.Classes.Count > 0)
                .GroupBy(view => (view.Model, view.Version)).OrderBy(group => group.Key))
            {
                var names = await ClassNamesAsync(call.Client, group.Key.Model, group.Key.Version, cancellationToken);
                WriteCharts(call.Shell, $"{group.Key.Model} {group.Key.Version}", [.. group], names);
            }
        });
    }

    /// <summary>Nothing to show may mean a quiet hour or a misspelled name; only the first is an answer.</summary>
    private static async Task RequireModelAsync(FleetClient client, string name, CancellationToken cancellationToken)
    {
        var models = (await client.ListModelsAsync(cancellationToken)).Select(model => model.Name).ToList();
        if (models.Contains(name)) return;
        var guess = NearestKey.Of(name, models) is { } near ? $" Did you mean '{near}'?" : "";
        throw new FleetException($"There is no model '{name}'.{guess} 'fleet models list' shows those there are.");
    }

    private static void WriteTable(Shell screen, IReadOnlyList<TelemetryView> views)
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

    private static void WriteCharts(Shell screen, string title, IReadOnlyList<TelemetryView> views, IReadOnlyList<string> names)
    {
        var classes = Sum(views.Select(view => view.Classes));
        var confidence = Sum(views.Select(view => view.Confidence));
        if (classes.Sum() == 0) return; // Nothing was decided, errors aside.
        screen.WriteLine();
        screen.WriteHeading($"{title}: decisions by class");
        Bars(screen, classes, index => index < names.Count ? names[index] : $"class {index}");
        if (confidence.Sum() == 0) return;
        screen.WriteLine();
        screen.WriteHeading($"{title}: confidence of the winning class");
        Bars(screen, confidence, tenth => $"{tenth * 10}-{(tenth + 1) * 10} %");
    }

    private static void Bars(Shell screen, long[] counts, Func<int, string> name)
    {
        var (total, largest) = (counts.Sum(), counts.Max());
        var sheet = new Sheet("", ">", ">", "");
        for (var i = 0; i < counts.Length; i++)
            sheet.Add(name(i), counts[i], Figures.Percent((double)counts[i] / total), Charts.Bar((double)counts[i] / largest, ChartWidth));
        screen.Write(sheet);
    }

    private static long[] Sum(IEnumerable<IReadOnlyList<long>> counts)
    {
        var sum = Array.Empty<long>();
        foreach (var one in counts)
        {
            if (one.Count > sum.Length) Array.Resize(ref sum, one.Count);
            for (var i = 0; i < one.Count; i++) sum[i] += one[i];
        }
        return sum;
    }

    /// <summary>Class names are in the release; one that is gone leaves the numbers.</summary>
    private static async Task<IReadOnlyList<string>> ClassNamesAsync(
        FleetClient client, string model, int version, CancellationToken cancellationToken)
    {
        try
        {
            return (await client.GetReleaseAsync(model, version, cancellationToken)).Manifest.Classes;
        }
        catch (FleetException e) when (e.Status == 404)
        {
            return [];
        }
    }
}
