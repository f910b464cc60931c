using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Artifacts;
using Fleet.Server.Rollouts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// How long the engine takes with ten thousand devices, by the clock and in processor time. Not run by default; the command is
/// <c>dotnet run -c Release --project tests/Fleet.Server.Tests -- -explicit only -showliveoutput -class
/// Fleet.Server.Tests.Rollouts.RolloutScale</c>.
/// </summary>
public sealed class RolloutScale(ITestOutputHelper output)
{
    private const int Devices = 10_000;
    private long _started;
    private TimeSpan _processor;

    [Fact(Explicit = true)]
    public async Task Ten_thousand_devices()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(Devices);
        var plan = TestFleet.PlanOf(await fleet.ReleaseAsync(), "1% 100%");

        Begin();
        var id = (await fleet.RollOutAsync(plan)).Id;
        Say("start (select, freeze, tell 100)");

        await fleet.FinishAsync(id);
        Begin();
        await UntilAsync("tells everyone", rollout => rollout.Told == Devices);
        Say("tell 9900 devices");

        var ledger = fleet.Of<FetchLedger>();
        var use = new ArtifactUse(plan.Model!, plan.Version!.Value, id);
        var devices = await fleet.RunningAsync(id);
        Begin();
        foreach (var device in devices)
        {
            using var grant = (await ledger.GrantAsync(device, use, 7000, default)).Value!;
            grant.Send(5000);
        }
        Say("one grant of a download", devices.Count);
        Begin();
        await ledger.WriteAsync(default);
        Say("store what 9900 devices fetched");

        Begin();
        foreach (var device in devices.Take(200)) await fleet.ReportAsync(device, DeploymentPhase.Downloading);
        Say("one report, one after the other", 200);

        Begin();
        await Parallel.ForEachAsync(devices, new ParallelOptions { MaxDegreeOfParallelism = 64 },
            async (device, _) => await fleet.ReportAsync(device, DeploymentPhase.Active));
        Say("one report of 9900, 64 at once", devices.Count);

        Begin();
        await UntilAsync("succeeds", rollout => rollout.Status == RolloutStatus.Succeeded);
        Say("from the last report to the end");

        Begin();
        await fleet.ViewAsync(id);
        Say("view with every device");
        Begin();
        await fleet.RestartAsync();
        Say("restart");

        // Looks at one document: counting ten thousand devices forty times a second would be the load that is measured.
        Task UntilAsync(string what, Predicate<Rollout> holds) => Eventually.TrueAsync(
            what, async () => holds((await fleet.Store.FindAsync<Rollout>(id, default))!.Document), TimeSpan.FromMinutes(8));
    }

    private void Begin() => (_started, _processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);

    private void Say(string what, int times = 1) => output.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what}: {Stopwatch.GetElapsedTime(_started).TotalMilliseconds / times:0.0} ms, of processor time "
            + $"{(Environment.CpuUsage.TotalTime - _processor).TotalMilliseconds / times:0.00} ms"));
}
