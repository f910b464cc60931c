using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Tests;

namespace Fleet.Benchmarks;

/// <summary>What the canary adds to a report: the look that reads devices beside those that wait, and every further look.</summary>
internal static class CanaryCost
{
    private const int Minutes = 70;
    private const int Looks = 100;
    private const int Pool = 250;
    private const int Read = 100;

    /// <summary>
    /// Measures it in a rollout whose first hundred devices serve the release, with an hour of telemetry of everyone it reads.
    /// </summary>
    public static async Task MeasureAsync(int devices, StepCosts costs)
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(devices);
        var start = fleet.Clock.GetUtcNow();
        fleet.Clock.Advance(TimeSpan.FromHours(1));
        var release = await fleet.ReleaseAsync();
        var id = (await fleet.RollOutAsync(TestFleet.PlanOf(release) with
        {
            Waves = [new WavePlan { Count = Read }, new WavePlan { Percent = 100 }],
            SoakTime = TimeSpan.FromHours(1),
        })).Id;
        var told = await fleet.RunningAsync(id);
        var waiting = (await fleet.ViewAsync(id)).Devices.TakeLast(Pool).Select(device => device.Device).ToList();
        foreach (var device in told) await fleet.ReportAsync(device, DeploymentPhase.Active);
        // Paused, so that the engine does not read what is measured here.
        await fleet.Orders.PauseAsync(id, default);
        fleet.Clock.Advance(TimeSpan.FromMinutes(Minutes - 60));
        foreach (var device in told) await SendAsync(fleet, device, start, minute => minute < 61 ? 9 : release.Version);
        foreach (var device in waiting) await SendAsync(fleet, device, start, _ => 9);

        var stored = (await fleet.Store.FindAsync<Rollout>(id, default))!.Document;
        var watch = new CanaryWatch(fleet.Store);
        var now = start.AddMinutes(Minutes);
        var read = 0;
        await costs.MeasureAsync(
            $"canary: a device of {Read} that are read beside {Pool} that wait, once in a rollout", told.Count,
            async () => read = (await watch.LookAsync(stored, now, default)).Read);
        if (read != told.Count) throw new InvalidOperationException($"The canary read {read} of {told.Count} devices.");
        await costs.MeasureAsync("canary: every further look, at most one a minute", Looks, async () =>
        {
            for (var i = 0; i < Looks; i++) await watch.LookAsync(stored, now, default);
        });
    }

    private static async Task SendAsync(TestFleet fleet, DeviceId device, DateTimeOffset start, Func<int, int> version)
    {
        TelemetryBatch[] batches = [.. Enumerable.Range(0, Minutes).Select(minute => new TelemetryBatch
        {
            Sequence = minute + 1,
            From = start.AddMinutes(minute),
            To = start.AddMinutes(minute + 1),
            Models =
            [
                new InferenceStats
                {
                    Model = "speech",
                    Version = version(minute),
                    Variant = "x64-int8",
                    Count = 60,
                    Errors = minute % 3,
                    Latency = new LatencyHistogram { Buckets = [.. Enumerable.Range(200, 12)], Counts = [.. Enumerable.Repeat(5L, 12)] },
                    Classes = [20, 20, 20],
                    Confidence = [0, 0, 0, 0, 0, 0, 0, 10, 20, 30],
                },
            ],
        })];
        foreach (var part in batches.Chunk(Limits.BatchesPerPack))
            await fleet.Store.AppendSamplesAsync(device, new TelemetryMessage(TelemetryPack.Encode(part), part), default);
    }
}
