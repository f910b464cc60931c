using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Rollouts;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>What a plan may ask beside waves and a failure rate.</summary>
public sealed class RolloutPlanningTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Preview_names_who_gets_what_and_who_not_and_changes_nothing()
    {
        await _fleet.EnrollAsync(4);
        await _fleet.EnrollAsync(1, "jetson", "jet");
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(), "25% 50%");
        using var answer = await _fleet.Http.PostAsJsonAsync("/api/v1/rollouts/preview", plan, FleetJson.Default.RolloutPlan);
        var preview = (await answer.Content.ReadFromJsonAsync(FleetJson.Default.RolloutPreview))!;

        Assert.Equal(("speech", 1), (preview.Target, preview.Before));
        Assert.Equal([1, 2, 0, 0], preview.Devices.Select(device => device.Wave));
        // 5000 to validate on, 2000 to serve
        Assert.All(preview.Devices, device => Assert.Equal((1, 7000L), (device.Serves, device.Bytes)));
        Assert.Equal(14_000, preview.Bytes);
        Assert.Equal("The release has no variant for profile jetson.", Assert.Single(preview.Excluded).Reason);
        Assert.Single(await _fleet.Store.RolloutViewsAsync(null, 10, default));

        var started = await _fleet.ViewAsync((await _fleet.RollOutAsync(plan)).Id);
        Assert.Equal(
            preview.Devices.Where(device => device.Wave > 0).Select(device => (device.Device, device.Wave)),
            started.Devices.Select(device => (device.Device, device.Wave)));
    }

    [Fact]
    public async Task Wave_by_filter_takes_its_devices_first_and_percentages_count_everybody()
    {
        await _fleet.EnrollAsync(2, prefix: "canary", labels: new Dictionary<string, string> { ["ring"] = "canary" });
        await _fleet.EnrollAsync(8);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync()) with
        {
            Waves = [new WavePlan { Filter = "label.ring=canary" }, new WavePlan { Percent = 50 }, new WavePlan { Percent = 100 }],
        };
        var view = await _fleet.ViewAsync((await _fleet.RollOutAsync(plan)).Id);
        Assert.Equal([2, 3, 5], view.Waves.Select(wave => wave.Total));
        Assert.Equal(["canary-00000", "canary-00001"],
            view.Devices.Where(device => device.Wave == 1).Select(device => device.Device.Value).Order());
    }

    [Fact]
    public async Task Next_wave_opens_when_enough_devices_serve_and_the_late_one_still_counts()
    {
        await _fleet.EnrollAsync(10);
        var rollout = await StartAsync("50% 100%", plan => plan with { MinimumSuccessRate = 0.8, MaximumFailureRate = 0.3 });
        var first = await _fleet.RunningAsync(rollout);
        foreach (var device in first.Take(3)) await _fleet.ReportAsync(device, DeploymentPhase.Active);
        Assert.Equal(1, (await _fleet.ViewAsync(rollout)).OpenWave);
        await _fleet.ReportAsync(first[3], DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Running == 5);
        foreach (var device in (await _fleet.RunningAsync(rollout)).Except([first[4]]))
            await _fleet.ReportAsync(device, DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        await _fleet.ReportAsync(first[4], DeploymentPhase.Active);
        Assert.Equal(5, (await _fleet.ViewAsync(rollout)).Waves[0].Succeeded);
    }

    /// <summary>Found in review: with another rollout open, only the device's part in that was looked for, before it had one.</summary>
    [Fact]
    public async Task Late_device_counts_in_its_rollout_also_while_the_next_one_is_open_and_has_not_told_it()
    {
        await _fleet.EnrollAsync(5);
        var rollout = await StartAsync("100%", plan => plan with { MinimumSuccessRate = 0.8, MaximumFailureRate = 0.3 });
        var devices = await _fleet.RunningAsync(rollout);
        foreach (var device in devices.Skip(1)) await _fleet.ReportAsync(device, DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        var next = await StartAsync("100%", plan => plan with { RequiresApproval = true });
        Assert.Empty(await _fleet.RunningAsync(next));
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        Assert.Equal((0, 5), ((await _fleet.ViewAsync(rollout)).Waves[0].Running, (await _fleet.ViewAsync(rollout)).Waves[0].Succeeded));
    }

    [Fact]
    public async Task Wave_has_a_deadline_of_its_own_and_a_phase_may_have_another()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await StartAsync("100%", plan => plan with
        {
            MaximumFailureRate = 1,
            PhaseDeadline = TimeSpan.FromMinutes(10),
            PhaseDeadlines = [new PhaseDeadline(DeploymentPhase.Downloading, TimeSpan.FromHours(2))],
            WaveDeadline = TimeSpan.FromHours(1),
        });
        var devices = await _fleet.RunningAsync(rollout);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Downloading);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(10));
        _fleet.Of<RolloutWake>().Set(); // it may have looked just before, and set its alarm just after
        var one = await _fleet.UntilAsync(rollout, "gives up the one that said nothing", view => view.Waves[0].Failed == 1);
        Assert.Equal(devices[1], one.Devices.Single(device => device.Status == DeviceRolloutStatus.Failed).Device);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(50));
        _fleet.Of<RolloutWake>().Set();
        var both = await _fleet.UntilAsync(rollout, "gives up the one that downloads", view => view.Waves[0].Failed == 2);
        Assert.Equal("Still in phase downloading; the plan allows 01:00:00 a wave.",
            both.Devices.Single(device => device.Device == devices[0]).Detail);
    }

    [Fact]
    public async Task Device_that_would_fetch_too_much_is_left_out_and_a_rollout_that_could_is_refused()
    {
        await _fleet.EnrollAsync(3);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync());
        var each = (await _fleet.Orders.StartAsync(plan with { MaximumBytesPerDevice = 6999 }, "tester", default)).Problem!;
        Assert.Equal(["3 left out: It would fetch up to 7,000 bytes; the plan allows 6,999 a device."], each.Problems);
        var all = (await _fleet.Orders.StartAsync(plan with { MaximumBytes = 20_999 }, "tester", default)).Problem!;
        Assert.Equal((409, "Devices would fetch up to 21,000 bytes together; the plan allows 20,999."), (all.Status, all.Title));
        await _fleet.RollOutAsync(plan with { MaximumBytesPerDevice = 7000, MaximumBytes = 21_000 });
    }

    [Fact]
    public async Task Device_that_appears_after_a_rollout_is_held_to_the_limits_of_its_plan()
    {
        await _fleet.EnrollAsync(1);
        await _fleet.SucceedAsync(await StartAsync("100%", plan => plan with { MaximumBytesPerDevice = 7000 }));
        var target = (await _fleet.Store.FindAsync<Target>("speech", default))!;
        await _fleet.Store.CommitAsync(
            [target.Change(target.Document with { Release = target.Document.Release! with { Limits = new ReleaseLimits(6999, null) } })],
            default);
        // A target without limits, so that it shows when the newcomer has been told what it should run.
        await _fleet.ReleaseAsync("other");
        using (var other = await _fleet.Http.PutAsJsonAsync(
            "/api/v1/targets/other", new { model = "other", version = 1, filter = "id=new-00000" }))
            Assert.True(other.IsSuccessStatusCode, await other.Content.ReadAsStringAsync());
        await _fleet.EnrollAsync(1, prefix: "new");
        await _fleet.AppearAsync(DeviceId.Parse("new-00000"));
        await _fleet.UntilToldAsync(DeviceId.Parse("new-00000"), 1, "other");
        var view = Assert.Single(
            await _fleet.Store.TargetViewsAsync(DeviceFilter.All, _fleet.Clock.GetUtcNow(), default), each => each.Name == "speech");
        Assert.Equal((1, "It would fetch up to 7,000 bytes; the plan allows 6,999 a device."), (view.Devices, view.Excluded[0].Reason));
        Assert.Null(await _fleet.ToldAsync(DeviceId.Parse("new-00000")));
    }

    [Fact]
    public async Task No_more_devices_of_a_site_are_on_their_way_at_once_than_the_budget_allows()
    {
        foreach (var site in (string[])["berlin", "paris"]) await EnrollAtAsync(site, 4);
        var rollout = await StartAsync("100%", plan => plan with
        {
            MaximumUnavailable = new DisruptionBudget { Label = "site", Percent = 50 },
        });
        for (var round = 0; round < 8; round++)
        {
            var running = await _fleet.RunningAsync(rollout);
            Assert.All(running.CountBy(device => device.Value.Split('-')[0]), site => Assert.InRange(site.Value, 1, 2));
            if (round == 0) Assert.Equal(4, running.Count);
            await _fleet.ReportAsync(running[0], DeploymentPhase.Active);
            var finished = round + 1;
            await _fleet.UntilAsync(rollout, "goes on", view => view.Waves[0].Succeeded == finished
                && (view.Waves[0].Running > 0 || finished == 8));
        }
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Devices_that_are_offline_use_up_the_budget_of_their_site_until_they_are_back()
    {
        await EnrollAtAsync("berlin", 4, online: 2);
        var rollout = await StartAsync("100%", plan => plan with
        {
            MaximumUnavailable = new DisruptionBudget { Label = "site", Count = 2 },
            PhaseDeadline = TimeSpan.FromDays(1),
        });
        await _fleet.UntilAsync(rollout, "is held", view => view.Waves[0].Held is not null);
        // Those that are offline may be told: nobody becomes unavailable by it.
        string[] offline = ["berlin-00002", "berlin-00003"];
        Assert.Empty((await _fleet.RunningAsync(rollout)).Select(device => device.Value).Except(offline));
        Assert.Contains("unavailable and the plan allows 2: offline berlin-00002, berlin-00003",
            (await _fleet.ViewAsync(rollout)).Waves[0].Held, StringComparison.Ordinal);

        foreach (var back in offline) _fleet.Of<DeviceBoard>().Connected(DeviceId.Parse(back), null, default);
        for (var finished = 1; finished <= 4; finished++)
        {
            await _fleet.UntilAsync(rollout, "goes on", view =>
            {
                if (view.Waves[0].Running > 0) return true;
                _fleet.Clock.Advance(UnavailableBudget.LookAgainAfter);
                return false;
            });
            var running = await _fleet.RunningAsync(rollout);
            Assert.InRange(running.Count, 1, 2);
            await _fleet.ReportAsync(running[0], DeploymentPhase.Active);
        }
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded && view.Waves[0].Held is null);
    }

    [Fact]
    public async Task Devices_on_their_way_in_another_rollout_use_up_the_budget_of_their_site()
    {
        await EnrollAtAsync("berlin", 3);
        var other = await StartAsync("1 100%", model: "other");
        var busy = Assert.Single(await _fleet.RunningAsync(other));
        var rollout = await StartAsync("100%", plan => plan with
        {
            MaximumUnavailable = new DisruptionBudget { Label = "site", Count = 1 },
        });
        await _fleet.UntilAsync(rollout, "is held", view => view.Waves[0].Held is not null);
        Assert.DoesNotContain(await _fleet.RunningAsync(rollout), device => device != busy);
        Assert.EndsWith($"on their way {busy}.", (await _fleet.ViewAsync(rollout)).Waves[0].Held, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failed_devices_are_asked_once_more_and_those_alone()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("100%", plan => plan with { MaximumFailureRate = 0.5 });
        var devices = await _fleet.RunningAsync(rollout);
        Assert.Equal(409, (await _fleet.Orders.RetryAsync(rollout, default)).Problem!.Status);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        await _fleet.FailAsync(devices[1], serves: null, DeploymentFailure.DownloadFailed);
        foreach (var device in devices.Skip(2)) await _fleet.ReportAsync(device, DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);

        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        Assert.Equal([devices[1]], await _fleet.RunningAsync(rollout));
        Assert.Equal((2L, 1L), ((await _fleet.DesiredAsync(devices[1])).Revision, (await _fleet.DesiredAsync(devices[0])).Revision));
        await _fleet.SucceedAsync(rollout);
        Assert.Equal((4, 0), ((await _fleet.ViewAsync(rollout)).Waves[0].Succeeded, (await _fleet.ViewAsync(rollout)).Waves[0].Failed));
    }

    /// <summary>Devices were asked for what they could only refuse.</summary>
    [Theory]
    [InlineData(true, "was withdrawn at ")]
    [InlineData(false, " expired at ")]
    public async Task Retry_of_a_release_that_no_device_would_take_is_refused_with_what_helps(bool withdrawn, string why)
    {
        await _fleet.EnrollAsync(2);
        var release = await _fleet.ReleaseAsync("speech", TimeSpan.FromDays(1));
        var rollout = (await _fleet.RollOutAsync(TestFleet.PlanOf(release) with { MaximumFailureRate = 0.5, MinimumFinished = 2 })).Id;
        var devices = await _fleet.RunningAsync(rollout);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        await _fleet.FailAsync(devices[1], serves: null, DeploymentFailure.DownloadFailed);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        if (withdrawn)
            await _fleet.Of<Fleet.Server.Releases.Withdrawals>().WithdrawAsync(release.Model, release.Version, true, default);
        else _fleet.Clock.Advance(TimeSpan.FromDays(2));

        var refused = (await _fleet.Orders.RetryAsync(rollout, default)).Problem!;
        Assert.Equal(409, refused.Status);
        Assert.StartsWith($"Rollout {rollout} cannot be retried. Release speech 1", refused.Title, StringComparison.Ordinal);
        Assert.Contains(why, refused.Title, StringComparison.Ordinal);
        Assert.EndsWith("Release the build again.", refused.Title, StringComparison.Ordinal);
        Assert.Equal(["Then start a rollout of the new release: its devices are asked anew."], refused.Problems);
        Assert.Equal(1, (await _fleet.ViewAsync(rollout)).Waves[0].Failed);
    }

    [Fact]
    public async Task Rollout_that_supersedes_aborts_the_open_one_and_takes_its_place()
    {
        await _fleet.EnrollAsync(4);
        var first = await StartAsync("50% 100%");
        var second = await StartAsync("100%", plan => plan with { Supersede = true });
        Assert.Equal(RolloutStatus.Aborted, (await _fleet.ViewAsync(first)).Status);
        await _fleet.SucceedAsync(second);
        foreach (var device in (await _fleet.ViewAsync(second)).Devices)
            Assert.Equal((2, false), await _fleet.ToldAsync(device.Device));
    }

    [Fact]
    public async Task Rollout_that_needs_approval_tells_nobody_before_somebody_else_has_approved_it()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await StartAsync("100%", plan => plan with { RequiresApproval = true });
        Assert.Empty(await _fleet.RunningAsync(rollout));
        Assert.Equal(409, (await _fleet.Orders.ApproveAsync(rollout, "tester", default)).Problem!.Status);
        Assert.Equal(409, (await _fleet.Orders.ResumeAsync(rollout, default)).Problem!.Status);
        _fleet.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(RolloutStatus.AwaitingApproval, (await _fleet.ViewAsync(rollout)).Status);
        Assert.Null((await _fleet.Orders.ApproveAsync(rollout, "somebody else", default)).Problem);
        var begun = await _fleet.UntilAsync(rollout, "begins", view => view.Waves[0].Running == 2);
        Assert.Equal(("tester", "somebody else"), (begun.StartedBy, begun.ApprovedBy));
        await _fleet.SucceedAsync(rollout);
    }

    [Fact]
    public async Task Window_goes_with_the_order_and_a_device_that_waits_for_it_is_not_silent()
    {
        await _fleet.EnrollAsync(1);
        await _fleet.EnrollAsync(1, prefix: "unheard");
        await _fleet.EnrollAsync(1, prefix: "released");
        var device = DeviceId.Parse("dev-00000");
        await _fleet.AppearAsync(device);
        await _fleet.ReportAsync(DeviceId.Parse("released-00000"), new ReportedState
        {
            Protocol = 2, // as 0.2.0 says
            Revision = 0,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [],
        });
        var window = new ActivationWindow(new TimeOnly(2, 0), new TimeOnly(5, 0));
        var rollout = await StartAsync("100%", plan => plan with { Window = window });
        Assert.Equal([device], await _fleet.RunningAsync(rollout));
        var excluded = Assert.Single((await _fleet.ViewAsync(rollout)).Excluded);
        Assert.StartsWith("Its agent does not know of windows", excluded.Reason, StringComparison.Ordinal);
        Assert.Equal(2, excluded.Devices);
        Assert.Equal(window, (await _fleet.DesiredAsync(device)).Of("speech")!.Window);
        await _fleet.ReportAsync(device, DeploymentPhase.Holding);
        _fleet.Clock.Advance(TimeSpan.FromHours(24));
        await _fleet.ReportAsync(device, DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    /// <summary>Devices of a site, the first of them connected.</summary>
    private async Task EnrollAtAsync(string site, int count, int? online = null)
    {
        await _fleet.EnrollAsync(count, prefix: site, labels: new Dictionary<string, string> { ["site"] = site });
        for (var i = 0; i < (online ?? count); i++) _fleet.Of<DeviceBoard>().Connected(DeviceId.Parse($"{site}-{i:00000}"), null, default);
    }

    private async Task<string> StartAsync(string waves, Func<RolloutPlan, RolloutPlan>? with = null, string model = "speech")
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(model), waves);
        return (await _fleet.RollOutAsync(with?.Invoke(plan) ?? plan)).Id;
    }
}
