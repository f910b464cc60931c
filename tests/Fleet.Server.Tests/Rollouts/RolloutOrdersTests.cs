using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

public sealed class RolloutOrdersTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Paused_rollout_tells_nobody_until_it_is_resumed()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("50% 100%");
        await OrderAsync(_fleet.Orders.PauseAsync(rollout, default));
        await OrderAsync(_fleet.Orders.PauseAsync(rollout, default)); // again is allowed
        await _fleet.FinishAsync(rollout);
        var paused = await _fleet.ViewAsync(rollout);
        Assert.Equal((RolloutStatus.Paused, 2, 2), (paused.Status, paused.Waves[0].Succeeded, paused.Waves[1].Waiting));

        await OrderAsync(_fleet.Orders.ResumeAsync(rollout, default));
        await _fleet.UntilAsync(rollout, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Running == 2);
    }

    [Fact]
    public async Task Time_spent_paused_is_held_against_no_device()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await StartAsync("100%");
        await OrderAsync(_fleet.Orders.PauseAsync(rollout, default));
        _fleet.Clock.Advance(TimeSpan.FromHours(8));
        await OrderAsync(_fleet.Orders.ResumeAsync(rollout, default));
        await _fleet.ReportAsync((await _fleet.RunningAsync(rollout))[0], DeploymentPhase.Active);
        Assert.Equal((1, 0), ((await _fleet.ViewAsync(rollout)).Waves[0].Running, (await _fleet.ViewAsync(rollout)).Waves[0].Failed));
        _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
        await _fleet.UntilAsync(rollout, "gives the silent one up", view => view.Waves[0].Failed == 1);
    }

    [Fact]
    public async Task Resuming_what_the_rules_paused_accepts_the_failures_seen()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("50% 100%", plan => plan with { MinimumFinished = 3 });
        await _fleet.FinishAsync(rollout, DeploymentPhase.RolledBack);
        var paused = await _fleet.UntilAsync(rollout, "pauses", view => view.Status == RolloutStatus.Paused);
        Assert.Contains("fewer than the 3 finished devices", paused.Reason, StringComparison.Ordinal);
        await OrderAsync(_fleet.Orders.ResumeAsync(rollout, default));
        await _fleet.UntilAsync(rollout, "opens wave 2", view => view.OpenWave == 2);
    }

    [Fact]
    public async Task Aborted_rollout_leaves_devices_what_they_serve_and_makes_room_for_the_next()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("50% 100%");
        var devices = await _fleet.RunningAsync(rollout);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        await OrderAsync(_fleet.Orders.AbortAsync(rollout, default));
        await OrderAsync(_fleet.Orders.AbortAsync(rollout, default));
        Assert.Equal(1, (await _fleet.DesiredAsync(devices[0])).Of("speech")?.Version);
        Assert.Null((await _fleet.DesiredAsync(devices[1])).Of("speech"));
        Assert.Equal(409, (await _fleet.Orders.ResumeAsync(rollout, default)).Problem!.Status);
        Assert.Equal(409, (await _fleet.Orders.PauseAsync(rollout, default)).Problem!.Status);
        await StartAsync("100%");
    }

    [Fact]
    public async Task Rollback_sends_devices_to_what_they_had_and_those_that_had_nothing_lose_it()
    {
        await _fleet.EnrollAsync(4);
        var first = await StartAsync("50%");
        await _fleet.FinishAsync(first);
        await _fleet.UntilAsync(first, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        var had = (await _fleet.ViewAsync(first)).Devices.Select(device => device.Device).ToHashSet();

        var second = await StartAsync("100%");
        await _fleet.FinishAsync(second);
        await _fleet.UntilAsync(second, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        await OrderAsync(_fleet.Orders.RollBackAsync(second, null, default));
        var done = await _fleet.UntilAsync(
            second, "is rolled back", view => view is { Status: RolloutStatus.RolledBack, FinishedAt: not null });

        foreach (var device in done.Devices)
        {
            var desired = await _fleet.DesiredAsync(device.Device);
            Assert.Equal(had.Contains(device.Device) ? (1, true) : null, Told(desired));
        }
        await OrderAsync(_fleet.Orders.RollBackAsync(second, null, default)); // again is allowed
        Assert.Equal(3, (await _fleet.DesiredAsync(had.First())).Revision);
        Assert.Null(await _fleet.Store.FindAsync<OpenRollout>("speech", default));
    }

    [Fact]
    public async Task Rollback_of_a_running_rollout_touches_only_devices_that_were_told()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("50% 100%");
        await OrderAsync(_fleet.Orders.RollBackAsync(rollout, null, default));
        var done = await _fleet.UntilAsync(
            rollout, "is rolled back", view => view is { Status: RolloutStatus.RolledBack, FinishedAt: not null });
        foreach (var device in done.Devices)
            Assert.Equal(device.Wave == 1 ? 2 : 0, (await _fleet.DesiredAsync(device.Device)).Revision);
    }

    /// <summary>Row R5: an old rollout, rolled back while a newer release serves, moved nothing and called itself rolled back.</summary>
    [Fact]
    public async Task Rollback_of_a_rollout_that_a_newer_one_followed_is_refused_by_the_name_of_the_newer()
    {
        await _fleet.EnrollAsync(2);
        var first = await StartAsync("100%");
        await _fleet.SucceedAsync(first);
        var second = await StartAsync("100%");
        Assert.Contains(second, (await _fleet.Orders.RollBackAsync(first, null, default)).Problem!.Title, StringComparison.Ordinal);
        await _fleet.SucceedAsync(second);

        var refused = (await _fleet.Orders.RollBackAsync(first, null, default)).Problem!;
        Assert.Equal(409, refused.Status);
        Assert.Contains(second, refused.Title, StringComparison.Ordinal);
        var after = await _fleet.ViewAsync(first);
        Assert.Equal((RolloutStatus.Succeeded, null), (after.Status, after.Returns));
        foreach (var device in after.Devices) Assert.Equal((2, false), Told(await _fleet.DesiredAsync(device.Device)));
    }

    [Fact]
    public async Task Rollback_of_more_devices_than_one_commit_holds_reaches_all()
    {
        await _fleet.EnrollAsync(RolloutMembers.Size + 30);
        var rollout = await StartAsync("100%");
        await _fleet.UntilAsync(rollout, "tells everyone", view => view.Waves[0].Waiting == 0);
        await OrderAsync(_fleet.Orders.RollBackAsync(rollout, null, default));
        var done = await _fleet.UntilAsync(
            rollout, "is rolled back", view => view is { Status: RolloutStatus.RolledBack, FinishedAt: not null });
        foreach (var device in done.Devices) Assert.Empty((await _fleet.DesiredAsync(device.Device)).Assignments);
    }

    [Fact]
    public async Task Going_to_an_older_release_by_plan_is_marked_as_a_rollback()
    {
        await _fleet.EnrollAsync(1);
        var old = await _fleet.ReleaseAsync();
        var current = await StartAsync("100%");
        await _fleet.FinishAsync(current);
        await _fleet.UntilAsync(current, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        var back = await _fleet.RollOutAsync(TestFleet.PlanOf(old));
        Assert.Equal((1, true), Told(await _fleet.DesiredAsync((await _fleet.RunningAsync(back.Id))[0])));
    }

    [Fact]
    public async Task Orders_for_a_rollout_nobody_knows_are_refused()
        => Assert.Equal(404, (await _fleet.Orders.AbortAsync("nothing", default)).Problem!.Status);

    private async Task<string> StartAsync(string waves, Func<RolloutPlan, RolloutPlan>? with = null)
    {
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(), waves);
        return (await _fleet.RollOutAsync(with?.Invoke(plan) ?? plan)).Id;
    }

    private static async Task OrderAsync(Task<Answer<Rollout>> order) => Assert.Null((await order).Problem);

    private static (int, bool)? Told(DeviceDesired desired)
        => desired.Of("speech") is { } release ? (release.Version, release.Rollback) : null;
}
