using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Canary;

/// <summary>
/// What the canary costs with ten thousand devices. Not run by default; the command is <c>dotnet run -c Release --project
/// tests/Fleet.Server.Tests -- -explicit only -showliveoutput -class Fleet.Server.Tests.Canary.CanaryScale</c>.
/// </summary>
public sealed class CanaryScale(ITestOutputHelper output)
{
    private const int Devices = 10_000;
    private const int Minutes = 70;

    [Fact(Explicit = true)]
    public async Task Ten_thousand_devices()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(Devices);
        var start = fleet.Clock.GetUtcNow();
        fleet.Clock.Advance(TimeSpan.FromHours(1));
        var release = await fleet.ReleaseAsync();
        var id = (await fleet.RollOutAsync(TestFleet.PlanOf(release, "1% 100%") with { SoakTime = TimeSpan.FromHours(1) })).Id;
        var told = await fleet.RunningAsync(id);
        var waiting = (await fleet.ViewAsync(id)).Devices.TakeLast(250).Select(device => device.Device).ToList();
        Measure(out var began);
        foreach (var device in told) await fleet.ReportAsync(device, DeploymentPhase.Active);
        Say("a report, its canary included", began, told.Count);

        // Paused, so that the engine does not read what is measured here.
        await fleet.Orders.PauseAsync(id, default);
        fleet.Clock.Advance(TimeSpan.FromMinutes(Minutes - 60));
        foreach (var device in told) await SendAsync(fleet, device, start, minute => minute < 61 ? 9 : release.Version);
        foreach (var device in waiting) await SendAsync(fleet, device, start, _ => 9);
        var stored = (await fleet.Store.FindAsync<Rollout>(id, default))!.Document;
        var watch = new CanaryWatch(fleet.Store);

        Measure(out began);
        var state = await watch.LookAsync(stored, start.AddMinutes(Minutes), default);
        Say($"the look that reads {state.Read} devices beside {state.Findings[0].Incumbents}", began, 1);
        Assert.Equal(told.Count, state.Read);
        Measure(out began);
        for (var i = 0; i < 100; i++) await watch.LookAsync(stored, start.AddMinutes(Minutes), default);
        Say("what it adds to each further report", began, 100);
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

    private static void Measure(out (long Clock, TimeSpan Processor) began)
        => began = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);

    private void Say(string what, (long Clock, TimeSpan Processor) began, int times) => output.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{what}: {Stopwatch.GetElapsedTime(began.Clock).TotalMilliseconds / times:0.00} ms, "
            + $"of processor time {(Environment.CpuUsage.TotalTime - began.Processor).TotalMilliseconds / times:0.00} ms"));
}
