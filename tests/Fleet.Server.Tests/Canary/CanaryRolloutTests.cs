using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Messaging;
using Fleet.Server.Rollouts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Canary;

/// <summary>The canary in the true server: devices send telemetry minute by minute, and the rollout stops or goes on.</summary>
public sealed class CanaryRolloutTests
{
    private const int Devices = 40;

    private sealed record Figures(long Errors = 2, double Milliseconds = 10, long Count = 100);

    [Theory]
    [InlineData(12, 10, CanaryMetrics.Errors)]
    [InlineData(2, 25, CanaryMetrics.Latency)]
    public async Task Release_that_fails_or_slows_requests_is_paused_long_before_a_plain_threshold_sees_it(
        int errors, double milliseconds, string metric)
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(fleet, plan => plan with { SoakTime = TimeSpan.FromHours(2) });

        var view = await course.RunAsync(20, new Figures(errors, milliseconds), view => view.Status == RolloutStatus.Paused);

        Assert.StartsWith($"Canary: {metric} of ", view.Reason);
        var finding = view.Waves[0].Canary.Single(each => each.Metric == metric);
        Assert.Equal(CanaryVerdict.Worse, finding.Verdict);
        Assert.True(finding.Evidence >= finding.Needed);
        Assert.Equal(Devices - 4, finding.Incumbents);
        Assert.InRange(finding.Devices, 2, 4);
        // Nothing that a plain threshold looks at is wrong: every device of the wave serves the release.
        Assert.Equal((4, 0), (view.Waves[0].Succeeded, view.Waves[0].Failed));
        Assert.True(fleet.Clock.GetUtcNow() < view.Waves[0].FinishedAt + view.Plan.SoakTime);
        Assert.Equal(4, (await fleet.Store.FindAsync<Rollout>(view.Id, default))!.Document.Told);
    }

    /// <summary>Each model is compared by itself; the other answers nothing here, and does not keep the first from being judged.</summary>
    [Fact]
    public async Task One_model_of_several_that_does_worse_pauses_the_wave_and_is_named()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(fleet, plan => plan with { SoakTime = TimeSpan.FromHours(2) }, "vision");

        var view = await course.RunAsync(20, new Figures(Errors: 12), view => view.Status == RolloutStatus.Paused);

        Assert.StartsWith("Canary: speech errors of ", view.Reason);
        Assert.Equal(8, view.Waves[0].Canary.Count);
        Assert.All(view.Waves[0].Canary, finding => Assert.Equal(800, finding.Needed));
        await fleet.Orders.ResumeAsync(view.Id, default);
        Assert.Equal(["speech errors"], (await fleet.Store.FindAsync<Rollout>(view.Id, default))!.Document.AcceptedMetrics);
    }

    [Fact]
    public async Task Release_that_does_no_harm_goes_on_and_its_interval_is_shown()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(
            fleet, plan => plan with { Canary = new CanaryPlan { MinimumDevices = 4 }, SoakTime = TimeSpan.FromMinutes(1) });

        var view = await course.RunAsync(30, new Figures(), view => view.OpenWave == 2);

        Assert.Equal(RolloutStatus.Running, view.Status);
        var finding = view.Waves[0].Canary.Single(each => each.Metric == CanaryMetrics.Latency);
        Assert.Equal(4, finding.Devices);
        Assert.NotEqual(CanaryVerdict.Worse, finding.Verdict);
    }

    [Fact]
    public async Task Wave_that_cannot_be_judged_waits_and_pauses_and_goes_on_only_when_somebody_resumes()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(
            fleet, plan => plan with { Canary = new CanaryPlan { MinimumDevices = 4 }, PhaseDeadline = TimeSpan.FromMinutes(5) });

        var view = await course.RunAsync(30, new Figures(Count: 0, Errors: 0), view => view.Status == RolloutStatus.Paused);

        Assert.StartsWith("Canary: 0 of this wave's devices could be compared", view.Reason);
        Assert.Equal(CanaryVerdict.CannotJudge, view.Waves[0].Canary[0].Verdict);
        await fleet.Orders.ResumeAsync(view.Id, default);
        Assert.Equal(2, (await fleet.UntilAsync(view.Id, "opens wave 2", each => each.OpenWave == 2)).OpenWave);
    }

    [Fact]
    public async Task Whoever_resumes_has_accepted_what_the_canary_found()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(fleet, plan => plan with { SoakTime = TimeSpan.FromMinutes(30) });
        var paused = await course.RunAsync(20, new Figures(Errors: 12), view => view.Status == RolloutStatus.Paused);

        await fleet.Orders.ResumeAsync(paused.Id, default);
        var view = await course.RunAsync(40, new Figures(Errors: 12), view => view.OpenWave == 2);

        Assert.Equal(RolloutStatus.Running, view.Status);
    }

    [Fact]
    public async Task Canary_that_is_off_says_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(
            fleet, plan => plan with { Canary = new CanaryPlan { Metrics = [] }, SoakTime = TimeSpan.FromMinutes(10) });

        var view = await course.RunAsync(20, new Figures(Errors: 50), view => view.OpenWave == 2);

        Assert.Empty(view.Waves[0].Canary);
    }

    [Fact]
    public async Task What_was_read_survives_a_restart_and_is_not_read_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        var course = await CanaryCourse.StartAsync(fleet, plan => plan with { SoakTime = TimeSpan.FromHours(1) });
        var before = await course.RunAsync(12, new Figures(), view => view.Waves[0].Canary is [{ Devices: 4 }, ..]);

        await fleet.RestartAsync();
        for (var minute = 0; minute < 3; minute++) await course.PassAsync(new Figures(Errors: 60));

        var view = await fleet.ViewAsync(before.Id);
        Assert.Equal(before.Waves[0].Canary, view.Waves[0].Canary);
        Assert.Equal(RolloutStatus.Running, view.Status);
    }

    /// <summary>Forty devices that serve release 1 for an hour, and a rollout of release 2 whose first wave of four serves it.</summary>
    private sealed class CanaryCourse(TestFleet fleet, string rollout, IReadOnlyList<DeviceId> candidates)
    {
        private long _sequence = 100;

        /// <param name="fleet">The fleet.</param>
        /// <param name="planned">The plan of the rollout.</param>
        /// <param name="other">Another model that it moves, which answers no requests.</param>
        public static async Task<CanaryCourse> StartAsync(
            TestFleet fleet, Func<RolloutPlan, RolloutPlan> planned, string? other = null)
        {
            await fleet.EnrollAsync(Devices);
            var first = await fleet.RollOutAsync(TestFleet.PlanOf(await fleet.ReleaseAsync()));
            await fleet.FinishAsync(first.Id);
            await fleet.UntilAsync(first.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
            var start = fleet.Clock.GetUtcNow();
            fleet.Clock.Advance(TimeSpan.FromHours(1));
            for (var device = 0; device < Devices; device++)
            {
                await SendAsync(fleet, IdOf(device), [.. Enumerable.Range(0, 60).Select(
                    minute => BatchOf(minute + 1, start + TimeSpan.FromMinutes(minute), 1, device, new Figures()))]);
            }
            var plan = planned(TestFleet.PlanOf(await fleet.ReleaseAsync(), "10% 100%"));
            if (other is not null)
            {
                var also = new PlannedRelease(other, (await fleet.ReleaseAsync(other)).Version);
                plan = plan with { Model = null, Version = null, Releases = [.. plan.Moved(), also] };
            }
            var second = await fleet.RollOutAsync(plan);
            var candidates = await fleet.RunningAsync(second.Id);
            if (other is null) await fleet.FinishAsync(second.Id);
            foreach (var device in other is null ? [] : candidates)
                await fleet.ReportAsync(device, TestDevice.Report(
                    (await fleet.DesiredAsync(device)).Revision,
                    await fleet.ModelAsync("speech", 2, DeploymentPhase.Active),
                    await fleet.ModelAsync(other!, 1, DeploymentPhase.Active)));
            await fleet.UntilAsync(second.Id, "has its first wave", view => view.Waves[0].Succeeded == 4);
            return new CanaryCourse(fleet, second.Id, candidates);
        }

        /// <summary>Minutes pass until the rollout is as described.</summary>
        public async Task<RolloutView> RunAsync(int minutes, Figures figures, Predicate<RolloutView> until)
        {
            for (var minute = 0; minute < minutes; minute++)
            {
                await PassAsync(figures);
                if (await fleet.ViewAsync(rollout) is var view && until(view)) return view;
            }
            return await fleet.UntilAsync(rollout, $"is as expected after {minutes} minutes", until);
        }

        /// <summary>A minute passes, with telemetry of every device, and the engine has looked at it.</summary>
        public async Task PassAsync(Figures figures)
        {
            var from = fleet.Clock.GetUtcNow();
            fleet.Clock.Advance(TimeSpan.FromMinutes(1));
            _sequence++;
            foreach (var device in Enumerable.Range(0, Devices))
            {
                var isCandidate = candidates.Contains(IdOf(device));
                await SendAsync(fleet, IdOf(device),
                    [BatchOf(_sequence, from, isCandidate ? 2 : 1, device, isCandidate ? figures : new Figures())]);
            }
            fleet.Of<RolloutWake>().Set();
            await Eventually.TrueAsync("the canary looks", async () => fleet.Of<CanaryWatch>().LookedAt(rollout) >= fleet.Clock.GetUtcNow()
                || await fleet.ViewAsync(rollout) is not { Status: RolloutStatus.Running, OpenWave: 1, Plan.Canary.Metrics.Count: > 0 });
        }

        private static DeviceId IdOf(int device) => DeviceId.Parse($"dev-{device:00000}");

        private static TelemetryBatch BatchOf(long sequence, DateTimeOffset from, int version, int device, Figures figures) => new()
        {
            Sequence = sequence,
            From = from,
            To = from + TimeSpan.FromMinutes(1),
            Models =
            [
                new InferenceStats
                {
                    Model = "speech",
                    Version = version,
                    Variant = "x64-int8",
                    Count = figures.Count,
                    // Devices differ, each by itself and from minute to minute.
                    Errors = figures.Errors == 0 ? 0 : figures.Errors + (device * 7 + sequence * 3) % 3,
                    Latency = new LatencyHistogram
                    {
                        Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(figures.Milliseconds * (1 + 0.01 * device)))],
                        Counts = [figures.Count],
                    },
                },
            ],
        };

        private static async Task SendAsync(TestFleet fleet, DeviceId device, IReadOnlyList<TelemetryBatch> batches)
        {
            var inbox = fleet.Of<IEnumerable<IDeviceMessageHandler>>().Single(handler => handler.Channel == Topics.Telemetry);
            foreach (var part in batches.Chunk(Limits.BatchesPerPack))
                Assert.Null(await inbox.HandleAsync(device, TelemetryPack.Encode(part), default));
        }
    }
}
