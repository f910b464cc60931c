using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// How long the engine takes with ten thousand devices. Not run by default; the command is
/// <c>dotnet run -c Release --project tests/Fleet.Server.Tests -- -explicit only -class Fleet.Server.Tests.Rollouts.RolloutScale</c>.
/// </summary>
public sealed class RolloutScale(ITestOutputHelper output)
{
    private const int Devices = 10_000;

    [Fact(Explicit = true)]
    public async Task Ten_thousand_devices()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(Devices);
        var plan = TestFleet.PlanOf(await fleet.ReleaseAsync(), "1% 100%");

        var watch = Stopwatch.StartNew();
        var id = (await fleet.RollOutAsync(plan)).Id;
        Say("start (select, freeze, tell 100)", watch);

        await fleet.FinishAsync(id);
        watch.Restart();
        await fleet.UntilAsync(id, "tells everyone", view => view.OpenWave == 2 && view.Waves[1].Waiting == 0);
        Say("tell 9900 devices", watch);

        var devices = await fleet.RunningAsync(id);
        watch.Restart();
        foreach (var device in devices.Take(200)) await fleet.ReportAsync(device, DeploymentPhase.Downloading);
        Say("one report, one after the other", watch, 200);

        watch.Restart();
        await Parallel.ForEachAsync(devices, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (device, _) => await fleet.ReportAsync(device, DeploymentPhase.Active));
        Say("one report of 9900, 64 at once", watch, devices.Count);

        watch.Restart();
        await fleet.UntilAsync(id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Say("from the last report to the end", watch);

        watch.Restart();
        await fleet.ViewAsync(id);
        Say("view with every device", watch);
        watch.Restart();
        await fleet.RestartAsync();
        Say("restart", watch);
    }

    private void Say(string what, Stopwatch watch, int times = 1)
        => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {watch.Elapsed.TotalMilliseconds / times:0.0} ms"));
}
