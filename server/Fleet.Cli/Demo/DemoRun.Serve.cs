using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;

namespace Fleet.Cli.Demo;

/// <summary>The part that asks the devices for answers and waits for their telemetry.</summary>
internal sealed partial class DemoRun
{
    private async Task<IReadOnlyList<LiveTraffic>> ServeAsync(
        FleetClient client, ReleaseManifest release, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var samples = await ValidationSamples.FetchAsync(client, release, cancellationToken);
        LiveTraffic[] traffic =
            [.. Devices.Select(device => new LiveTraffic(http, device.Id, folder.Device(device.Id), release.Model, samples))];
        var sending = Task.WhenAll(traffic.Select(one => one.SendAsync(Requests, TimeSpan.FromMilliseconds(10), cancellationToken)));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300), shell.Time);
        while (!sending.IsCompleted)
        {
            step.Say(
                "real validation samples to each device's own endpoint",
                traffic.Sum(one => one.Answered) / (double)(Requests * traffic.Length));
            await Task.WhenAny(sending, timer.WaitForNextTickAsync(cancellationToken).AsTask());
        }
        await sending;
        step.Result($"{Figures.Count(traffic.Sum(one => one.Answered))} requests, "
            + $"{Figures.Percent(traffic.Sum(one => one.Right) / (double)traffic.Sum(one => one.Answered))} answered right");
        return traffic;
    }

    private async Task<IReadOnlyList<TelemetryView>> CollectAsync(
        FleetClient client, ReleaseManifest release, IReadOnlyList<LiveTraffic> traffic, StepBoard.Step step,
        CancellationToken cancellationToken)
    {
        var telemetry = await Polling.UntilAsync(
            shell.Time, async token => (await client.GetTelemetryAsync(null, release.Model, null, traffic.Count, token)).Views, views =>
        {
            step.Say($"{Figures.Count(views.Sum(view => view.Count))} of {Figures.Count(traffic.Sum(one => one.Answered))} inferences "
                + $"have arrived at the server");
            return traffic.All(one => views.Any(view => view.Device?.Value == one.Device && view.Count >= one.Answered));
        }, null, cancellationToken);
        step.Result($"{Figures.Count(telemetry.Sum(view => view.Count))} inferences in {telemetry.Sum(view => view.Batches)} batches");
        return telemetry;
    }
}
