using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet telemetry</c>: what devices serve, how fast, and what they decide.</summary>
internal static class TelemetryCommand
{
    private const int DefaultLimit = 500;

    public static Command Create(Shell shell)
    {
        var device = new Option<string?>("--device") { HelpName = "ID", Description = "Only this device." };
        var model = new Option<string?>("--model") { HelpName = "NAME", Description = "Only this model." };
        var since = Verb.Duration("--since", "How far back [default: 1h].");
        var limit = Verb.Limit("Most devices to list.", DefaultLimit);
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
            TelemetryTables.WriteTable(call.Shell, views.Count > 1 && call.Get(device) is null ? [.. together, .. views] : views);
            if (views.Count == 0)
            {
                call.Shell.WriteHint($"Nothing arrived in the last {DurationText.Of(span)}. --since looks further back.");
                return;
            }
            foreach (var group in together.Where(view => view.Classes.Count > 0)
                .GroupBy(view => (view.Model, view.Version)).OrderBy(group => group.Key))
            {
                var names = await ClassNamesAsync(call.Client, group.Key.Model, group.Key.Version, cancellationToken);
                TelemetryTables.WriteCharts(call.Shell, $"{group.Key.Model} {group.Key.Version}", [.. group], names);
            }
        });
    }

    /// <summary>Nothing to show may mean a quiet hour or a misspelled name; only the first is an answer.</summary>
    private static async Task RequireModelAsync(FleetClient client, string name, CancellationToken cancellationToken)
    {
        var models = (await client.ListModelsAsync(cancellationToken)).Select(model => model.Name).ToList();
        if (models.Contains(name)) return;
        var guess = NearestWord.Of(name, models) is { } near ? $" Did you mean '{near}'?" : "";
        throw new FleetException($"There is no model '{name}'.{guess} 'fleet models list' shows those there are.");
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
