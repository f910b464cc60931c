using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>Whoever tells devices, and however often: of one site no more are unavailable at once than the plan allows.</summary>
public sealed class UnavailableBudgetTests : IAsyncLifetime
{
    private static readonly DisruptionBudget OneAtATime = new() { Label = "site", Count = 1 };

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    /// <summary>All devices of a site failed; an operator has mended the cause and retries them all with one command.</summary>
    [Fact]
    public async Task Retry_tells_no_more_devices_of_a_site_at_once_than_the_budget_allows()
    {
        var rollout = await FailedAsync(4);
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        for (var finished = 0; finished < 4; finished++)
        {
            var view = await _fleet.UntilAsync(rollout, "tells the next", each => each.Waves[0].Running == 1);
            Assert.Equal((3 - finished, finished, 0), (view.Waves[0].Waiting, view.Waves[0].Succeeded, view.Waves[0].Failed));
            await _fleet.ReportAsync(Assert.Single(await _fleet.RunningAsync(rollout)), DeploymentPhase.Active);
            var succeeded = finished + 1;
            await _fleet.UntilAsync(rollout, "counts it", each => each.Waves[0].Succeeded == succeeded);
        }
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Devices_that_wait_to_be_told_once_more_are_told_after_a_restart_and_the_wave_says_what_holds_them()
    {
        var rollout = await FailedAsync(2);
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        var held = await _fleet.UntilAsync(rollout, "says why", view => view.Waves[0].Held is not null);
        Assert.StartsWith("1 device of site 'berlin' is unavailable and the plan allows 1: on their way", held.Waves[0].Held,
            StringComparison.Ordinal);
        await _fleet.RestartAsync();
        Connect(2);
        await _fleet.ReportAsync(Assert.Single(await _fleet.RunningAsync(rollout)), DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout, "tells the other", view => view.Waves[0] is { Succeeded: 1, Running: 1 });
        await _fleet.SucceedAsync(rollout);
    }

    [Fact]
    public async Task Device_that_serves_after_all_while_it_waits_to_be_told_counts()
    {
        var rollout = await FailedAsync(2);
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        var waits = (await _fleet.ViewAsync(rollout)).Devices.Single(device => device.Status == DeviceRolloutStatus.Waiting).Device;
        await _fleet.FailAsync(waits, serves: null, DeploymentFailure.LoadFailed);
        Assert.Equal(DeviceRolloutStatus.Waiting, (await DeviceAsync(rollout, waits)).Status);
        await _fleet.ReportAsync(waits, DeploymentPhase.Active);
        Assert.Equal(DeviceRolloutStatus.Succeeded, (await DeviceAsync(rollout, waits)).Status);
        await _fleet.SucceedAsync(rollout);
    }

    [Fact]
    public async Task Device_that_waits_to_be_told_once_more_is_told_to_return_when_the_rollout_is_aborted_and_has_failed()
    {
        await EnrollAsync(3);
        var rollout = await StartAsync();
        await FailAsync(rollout, 2);
        await _fleet.UntilAsync(rollout, "tells the last", each => each.Waves[0].Running == 1);
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        Assert.Equal(2, (await _fleet.ViewAsync(rollout)).Waves[0].Waiting);
        Assert.Null((await _fleet.Orders.AbortAsync(rollout, default)).Problem);
        var view = await _fleet.ViewAsync(rollout);
        Assert.DoesNotContain(view.Devices, device => device.Status == DeviceRolloutStatus.Waiting);
        foreach (var device in view.Devices)
        {
            Assert.NotNull(device.Return);
            Assert.Null(await _fleet.ToldAsync(device.Device));
        }
    }

    [Fact]
    public async Task Revoked_device_that_waits_to_be_told_once_more_holds_nobody_up()
    {
        var rollout = await FailedAsync(2);
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        var view = await _fleet.ViewAsync(rollout);
        await _fleet.RevokeAsync(view.Devices.Single(device => device.Status == DeviceRolloutStatus.Waiting).Device);
        await _fleet.FinishAsync(rollout);
        await _fleet.UntilAsync(
            rollout, "ends", each => each is { Status: RolloutStatus.Succeeded, Waves: [{ Succeeded: 1, Running: 0 }] });
    }

    /// <summary>Two operators, or one and a script, start rollouts of two models for one site in the same moment.</summary>
    [Fact]
    public async Task Rollouts_that_start_in_the_same_moment_share_the_budget_of_a_site()
    {
        await EnrollAsync(8);
        var plans = new List<RolloutPlan>();
        for (var i = 0; i < 4; i++)
            plans.Add(TestFleet.PlanOf(await _fleet.ReleaseAsync($"model-{i}")) with { MaximumUnavailable = OneAtATime });
        var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var starts = plans.Select(plan => Task.Run(async () =>
        {
            await begin.Task;
            return await _fleet.RollOutAsync(plan);
        })).ToList();
        begin.SetResult();
        var rollouts = await Task.WhenAll(starts);
        var running = new List<DeviceId>();
        foreach (var rollout in rollouts) running.AddRange(await _fleet.RunningAsync(rollout.Id));
        Assert.Single(running.Distinct());
    }

    [Fact]
    public async Task Devices_on_their_way_back_from_a_rollout_use_up_the_budget_of_their_site()
    {
        await EnrollAsync(2);
        var other = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync("other")))).Id;
        var devices = await _fleet.RunningAsync(other);
        foreach (var device in devices) await _fleet.ReportAsync(device, DeploymentPhase.Active, model: "other");
        await _fleet.UntilAsync(other, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Null((await _fleet.Orders.RollBackAsync(other, null, default)).Problem);

        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync()) with { MaximumUnavailable = OneAtATime };
        var rollout = (await _fleet.RollOutAsync(plan)).Id;
        await _fleet.UntilAsync(rollout, "is held", view => view.Waves[0].Held is not null);
        Assert.Empty(await _fleet.RunningAsync(rollout));
        foreach (var device in devices) await _fleet.AppearAsync(device);
        await _fleet.UntilAsync(rollout, "tells the first", view => view.Waves[0].Running == 1);
    }

    /// <summary>Found in review: whoever was told after the wave had been open for its deadline failed at once.</summary>
    [Fact]
    public async Task Device_that_the_budget_let_go_late_has_as_long_as_the_first()
    {
        await EnrollAsync(3);
        var rollout = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()) with
        {
            MaximumUnavailable = OneAtATime,
            MaximumFailureRate = 0,
            PhaseDeadline = TimeSpan.FromHours(2),
            WaveDeadline = TimeSpan.FromHours(1),
        })).Id;
        for (var finished = 0; finished < 3; finished++)
        {
            await _fleet.UntilAsync(rollout, "tells the next", view => view.Waves[0].Running == 1);
            _fleet.Clock.Advance(TimeSpan.FromMinutes(50));
            _fleet.Of<RolloutWake>().Set();
            await _fleet.ReportAsync(Assert.Single(await _fleet.RunningAsync(rollout)), DeploymentPhase.Active);
            var succeeded = finished + 1;
            await _fleet.UntilAsync(rollout, "counts it", view => view.Waves[0].Succeeded == succeeded);
        }
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    /// <summary>Found in review: it gave its place away, and switched later beside whoever had been told in its stead.</summary>
    [Fact]
    public async Task Device_that_was_given_up_as_silent_keeps_its_place_until_it_says_how_it_ended()
    {
        await EnrollAsync(2);
        var rollout = await StartAsync();
        var slow = Assert.Single(await _fleet.RunningAsync(rollout));
        await _fleet.ReportAsync(slow, DeploymentPhase.Downloading);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
        _fleet.Of<RolloutWake>().Set();
        await _fleet.UntilAsync(rollout, "gives it up", view => view.Waves[0].Failed == 1);
        var other = (await _fleet.ViewAsync(rollout)).Devices.Single(device => device.Device != slow).Device;
        Assert.EndsWith($"on their way {slow}.", (await BudgetAsync(rollout)).ReasonAgainst(other), StringComparison.Ordinal);

        await _fleet.ReportAsync(slow, DeploymentPhase.Active);
        Assert.Null((await BudgetAsync(rollout)).ReasonAgainst(other));
        await _fleet.UntilAsync(rollout, "tells the other", view => view.Waves[0].Running == 1);
        await _fleet.SucceedAsync(rollout);
    }

    /// <summary>The engine rests by how much it has read, budgets included.</summary>
    [Fact]
    public async Task Budget_reads_a_rollout_of_several_models_once_and_says_how_much_it_has_read()
    {
        await EnrollAsync(4);
        for (var i = 0; i < 4; i++) await _fleet.AppearAsync(DeviceId.Parse($"dev-{i:00000}"));
        PlannedRelease[] releases =
            [new("speech", (await _fleet.ReleaseAsync()).Version), new("vision", (await _fleet.ReleaseAsync("vision")).Version)];
        var rollout = (await _fleet.RollOutAsync(new RolloutPlan
        {
            Releases = releases,
            Waves = [new WavePlan { Percent = 100 }],
            MaximumUnavailable = new DisruptionBudget { Label = "site", Count = 3 },
        })).Id;
        Assert.Equal(4 + 3, (await BudgetAsync(rollout)).Read);
    }

    [Theory]
    [InlineData(null, 0, null, true)] // nothing held it before
    [InlineData("a", 5, "b", false)]
    [InlineData("a", 10, "b", true)]
    [InlineData("a", -5, "b", true)] // the clock was set back
    [InlineData("a", 10, "a", false)]
    [InlineData("a", 5, null, true)]
    public void What_holds_a_wave_is_written_no_more_often_than_it_is_looked_at_again(
        string? before, int secondsAgo, string? held, bool isWritten)
    {
        var now = new DateTimeOffset(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);
        var wave = new Wave(1, 0, 10) { Held = before, HeldAt = before is null ? null : now.AddSeconds(-secondsAgo) };
        var after = (wave with { Held = held ?? (before is null ? "a" : null) }).SayingWhy(wave, now);
        Assert.Equal(isWritten, after != wave);
        Assert.Equal(now, (wave with { Held = "c" }).SayingWhy(null, now).HeldAt);
    }

    private async Task<UnavailableBudget> BudgetAsync(string rollout) => await UnavailableBudget.ReadAsync(
        _fleet.Store, _fleet.Of<DeviceBoard>(), (await _fleet.Store.FindAsync<Rollout>(rollout, default))!.Document, default);

    /// <summary>A rollout whose devices all failed, and which ended.</summary>
    private async Task<string> FailedAsync(int devices)
    {
        await EnrollAsync(devices);
        var rollout = await StartAsync();
        await FailAsync(rollout, devices);
        await _fleet.UntilAsync(rollout, "ends", view => view.Status == RolloutStatus.Succeeded);
        return rollout;
    }

    private async Task<string> StartAsync() => (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()) with
    {
        MaximumUnavailable = OneAtATime,
        MaximumFailureRate = 1,
    })).Id;

    /// <summary>The first devices fail, one after the other.</summary>
    private async Task FailAsync(string rollout, int devices)
    {
        for (var failed = 1; failed <= devices; failed++)
        {
            await _fleet.UntilAsync(rollout, "tells the next", view => view.Waves[0].Running == 1);
            await _fleet.FailAsync((await _fleet.RunningAsync(rollout))[0], serves: null, DeploymentFailure.DownloadFailed);
            var so = failed;
            await _fleet.UntilAsync(rollout, "counts it", view => view.Waves[0].Failed == so);
        }
    }

    private async Task EnrollAsync(int devices)
    {
        await _fleet.EnrollAsync(devices, labels: new Dictionary<string, string> { ["site"] = "berlin" });
        Connect(devices);
    }

    private void Connect(int devices)
    {
        for (var i = 0; i < devices; i++) _fleet.Of<DeviceBoard>().Connected(DeviceId.Parse($"dev-{i:00000}"), null, default);
    }

    private async Task<DeviceRolloutView> DeviceAsync(string rollout, DeviceId device)
        => (await _fleet.ViewAsync(rollout)).Devices.Single(each => each.Device == device);
}
