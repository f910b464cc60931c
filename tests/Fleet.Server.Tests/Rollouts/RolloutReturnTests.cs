using System.Net;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>What devices are told when a rollout is aborted or rolled back, and how far they are on their way.</summary>
public sealed class RolloutReturnTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    /// <summary>
    /// Row R3: a device that had failed release 2 kept release 3 after the rollback of 3, which called itself done: it was sent to the
    /// release it was last assigned instead of the one it last served.
    /// </summary>
    [Fact]
    public async Task Device_that_failed_the_release_before_returns_to_what_it_last_served()
    {
        await _fleet.EnrollAsync(2);
        var (failing, other) = (DeviceId.Parse("dev-00000"), DeviceId.Parse("dev-00001"));
        await ServeAsync();
        var second = await StartAsync("100%", $"id={failing}");
        await _fleet.FailAsync(failing, serves: 1);
        await _fleet.UntilAsync(second, "aborts", view => view is { Status: RolloutStatus.Aborted, FinishedAt: not null });
        await _fleet.AppearAsync(failing, 1);
        var third = await ServeAsync();

        await BackAsync(third);
        Assert.Equal((1, true), await _fleet.ToldAsync(failing));
        Assert.Equal((1, true), await _fleet.ToldAsync(other));
        Assert.Equal(new ReturnsView(2, 0, 0, 0), (await _fleet.ViewAsync(third)).Returns);
        await _fleet.AppearAsync(failing, 1);
        await _fleet.FailAsync(other, serves: 3, DeploymentFailure.VersionTooOld);
        var view = await _fleet.ViewAsync(third);
        Assert.Equal(new ReturnsView(0, 1, 1, 0), view.Returns);
        Assert.Equal((DeviceReturnStatus.NotReturned, 1, DeploymentFailure.VersionTooOld), view.Devices
            .Where(device => device.Device == other).Select(device => (device.Return!.Status, device.Return.Version, device.Return.Failure))
            .Single());
        Assert.Equal("", view.Devices.Single(device => device.Device == failing).Return!.Detail);
    }

    /// <summary>The device that tolerated failing is not asked for the failed release again by the target it stands apart from.</summary>
    [Fact]
    public async Task Device_that_never_served_the_release_of_its_target_returns_to_the_one_it_served_and_stays_there()
    {
        await _fleet.EnrollAsync(2);
        var failing = DeviceId.Parse("dev-00000");
        await ServeAsync();
        var second = await StartAsync("100%", with: plan => plan with { MaximumFailureRate = 0.5, MinimumFinished = 2 });
        await _fleet.FailAsync(failing, serves: 1);
        await _fleet.SucceedAsync(second);
        var third = await ServeAsync();
        await BackAsync(third);
        Assert.Equal((1, true), await _fleet.ToldAsync(failing));
        Assert.Equal((2, true), await _fleet.ToldAsync(DeviceId.Parse("dev-00001")));
        var revision = (await _fleet.DesiredAsync(failing)).Revision;
        await _fleet.AppearAsync(failing, 1);
        await _fleet.UntilAsync(third, "has it back", view => view.Returns!.Returned == 1);
        await _fleet.RestartAsync(); // the sweep of a start looks at everyone
        await _fleet.AppearAsync(DeviceId.Parse("dev-00001"), 2);
        Assert.Equal(revision, (await _fleet.DesiredAsync(failing)).Revision);
    }

    /// <summary>
    /// Row R4: after an aborted rollout of an old release the rollback of the newest said "is rolledBack" and moved nothing.
    /// </summary>
    [Fact]
    public async Task Rollback_after_an_aborted_rollout_of_an_old_release_is_done()
    {
        await _fleet.EnrollAsync(2);
        var devices = new[] { DeviceId.Parse("dev-00000"), DeviceId.Parse("dev-00001") };
        await ServeAsync();
        await ServeAsync();
        var third = await ServeAsync();
        var old = await _fleet.RollOutAsync(
            TestFleet.PlanOf((await _fleet.Store.FindAsync<Fleet.Server.Releases.Release>("speech/000001", default))!.Document));
        Assert.Null((await _fleet.Orders.AbortAsync(old.Id, default)).Problem);
        foreach (var device in devices)
        {
            Assert.Equal((3, false), await _fleet.ToldAsync(device));
            await _fleet.AppearAsync(device, 3);
        }

        await BackAsync(third);
        foreach (var device in devices) Assert.Equal((2, true), await _fleet.ToldAsync(device));
    }

    /// <summary>Row R7: 1 is good, 2 and 3 are bad.</summary>
    [Fact]
    public async Task Rollback_goes_to_any_release_that_is_named_and_its_target_with_it()
    {
        await _fleet.EnrollAsync(2);
        await ServeAsync();
        await ServeAsync();
        var third = await ServeAsync();
        Assert.Equal(404, (await _fleet.Orders.RollBackAsync(third, 9, default)).Problem!.Status);
        Assert.Equal(400, (await _fleet.Orders.RollBackAsync(third, 3, default)).Problem!.Status);
        await BackAsync(third, 1);
        foreach (var device in (await _fleet.ViewAsync(third)).Devices) Assert.Equal((1, true), await _fleet.ToldAsync(device.Device));

        await _fleet.EnrollAsync(1, prefix: "new");
        await _fleet.AppearAsync(DeviceId.Parse("new-00000"));
        await _fleet.UntilToldAsync(DeviceId.Parse("new-00000"), 1);
    }

    /// <summary>Row R8: a device that was off when its rollout was aborted installed the aborted release when it came back.</summary>
    [Fact]
    public async Task Abort_takes_the_order_back_from_every_device_that_has_not_activated()
    {
        await _fleet.EnrollAsync(3);
        await ServeAsync();
        var second = await StartAsync("100%");
        var devices = await _fleet.RunningAsync(second);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        await _fleet.ReportAsync(devices[1], DeploymentPhase.Downloading);
        Assert.Null((await _fleet.Orders.AbortAsync(second, default)).Problem);

        Assert.Equal((2, false), await _fleet.ToldAsync(devices[0]));
        Assert.Equal((1, true), await _fleet.ToldAsync(devices[1]));
        Assert.Equal((1, true), await _fleet.ToldAsync(devices[2]));
        await _fleet.AppearAsync(devices[2], 1); // it was off all the while
        var view = await _fleet.ViewAsync(second);
        Assert.Equal((RolloutStatus.Aborted, new ReturnsView(1, 1, 0, 0)), (view.Status, view.Returns));
        Assert.Equal((1, 0), (view.Waves[0].Succeeded, view.Waves[0].Running));
        await StartAsync("100%");
    }

    [Fact]
    public async Task Rollout_that_the_rules_abort_as_silent_takes_its_orders_back()
    {
        await _fleet.EnrollAsync(2);
        await ServeAsync();
        var second = await StartAsync("50% 100%");
        var device = Assert.Single(await _fleet.RunningAsync(second));
        _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
        _fleet.Of<RolloutWake>().Set(); // it may have looked just before, and set its alarm just after
        await _fleet.UntilAsync(second, "aborts", view => view is { Status: RolloutStatus.Aborted, FinishedAt: not null });
        Assert.Equal((1, true), await _fleet.ToldAsync(device));
    }

    /// <summary>Row R15: a device that was revoked in the middle counted as silent and aborted three good ones.</summary>
    [Fact]
    public async Task Device_revoked_in_the_middle_leaves_its_wave_without_a_verdict()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await StartAsync("100%");
        using var answer = await _fleet.Http.PostAsync(new Uri("/api/v1/devices/dev-00002/revoke", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await _fleet.UntilAsync(rollout, "lets it go", view => view.Waves[0].Left == 1);
        await _fleet.FinishAsync(rollout);
        var done = await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal((3, 0, 1), (done.Waves[0].Succeeded, done.Waves[0].Failed, done.Waves[0].Left));
    }

    [Fact]
    public async Task Device_that_is_told_something_newer_on_its_way_back_is_superseded()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        var second = await ServeAsync();
        await BackAsync(second);
        var third = await StartAsync("100%");
        await _fleet.FinishAsync(third);
        var view = await _fleet.ViewAsync(second);
        Assert.Equal(new ReturnsView(0, 0, 0, 1), view.Returns);
        Assert.Equal("It was told release 3 since.", view.Devices[0].Return!.Detail);
        Assert.Equal(0, await _fleet.Store.AllAsync<PendingReturn>("", default).CountAsync());
    }

    [Fact]
    public async Task Device_that_cannot_take_an_expired_release_back_is_named_at_once()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync(TimeSpan.FromDays(2));
        var second = await ServeAsync();
        _fleet.Clock.Advance(TimeSpan.FromDays(2));
        await BackAsync(second);
        var way = (await _fleet.ViewAsync(second)).Devices[0].Return!;
        Assert.Equal((DeviceReturnStatus.NotReturned, 1), (way.Status, way.Version));
        Assert.Contains("expired", way.Detail, StringComparison.Ordinal);
        Assert.Equal(2, (await _fleet.ToldAsync(DeviceId.Parse("dev-00000")))!.Value.Version);
    }

    /// <summary>Found in review: devices were returned to what they had served, although that had been withdrawn since.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Device_whose_former_release_was_withdrawn_while_a_rollout_is_open_returns_to_the_one_before(bool rollback)
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await ServeAsync();
        var third = await StartAsync("100%");
        Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync("speech", 2, keepServing: false, default)).Problem);
        if (rollback) await BackAsync(third);
        else Assert.Null((await _fleet.Orders.AbortAsync(third, default)).Problem);
        var way = (await _fleet.ViewAsync(third)).Devices[0].Return!;
        Assert.Equal((DeviceReturnStatus.SentBack, 1), (way.Status, way.Version));
        Assert.Equal((1, true), await _fleet.ToldAsync(DeviceId.Parse("dev-00000")));
    }

    [Fact]
    public async Task Device_that_serves_nothing_but_what_was_withdrawn_is_told_nothing_when_the_rollout_is_aborted()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        var second = await StartAsync("100%");
        Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync("speech", 1, keepServing: false, default)).Problem);
        Assert.Null((await _fleet.Orders.AbortAsync(second, default)).Problem);
        Assert.Null(await _fleet.ToldAsync(DeviceId.Parse("dev-00000")));
    }

    /// <summary>Found in review: the rollback sent the device away from the release it is pinned to.</summary>
    [Fact]
    public async Task Device_that_is_pinned_to_the_release_of_a_rollout_keeps_it_when_that_is_rolled_back()
    {
        await _fleet.EnrollAsync(2);
        var pinned = DeviceId.Parse("dev-00000");
        await ServeAsync();
        var second = await ServeAsync();
        var device = (await _fleet.Store.DeviceAsync(pinned, default))!.Document;
        Assert.Null((await _fleet.Of<TargetOrders>().PinAsync(device, "speech", 2, default)).Problem);
        await BackAsync(second);
        Assert.Equal((2, false), await _fleet.ToldAsync(pinned));
        Assert.Equal((1, true), await _fleet.ToldAsync(DeviceId.Parse("dev-00001")));
        var way = (await _fleet.ViewAsync(second)).Devices.Single(each => each.Device == pinned).Return!;
        Assert.Equal((DeviceReturnStatus.Superseded, "It is pinned to release 2."), (way.Status, way.Detail));
    }

    /// <summary>Found in review: the target went back to the release of the older rollout, and all its devices with it.</summary>
    [Fact]
    public async Task Rollout_that_is_retried_does_not_take_its_target_from_a_newer_one()
    {
        await _fleet.EnrollAsync(2);
        var (failing, other) = (DeviceId.Parse("dev-00000"), DeviceId.Parse("dev-00001"));
        var first = await StartAsync("100%", with: plan => plan with { MaximumFailureRate = 0.5, MinimumFinished = 2 });
        await _fleet.FailAsync(failing, serves: null);
        await _fleet.SucceedAsync(first);
        var device = (await _fleet.Store.DeviceAsync(failing, default))!.Document;
        Assert.Null((await _fleet.Of<TargetOrders>().PinAsync(device, "speech", 1, default)).Problem);
        await ServeAsync();
        Assert.Null((await _fleet.Orders.RetryAsync(first, default)).Problem);
        await _fleet.ReportAsync(failing, DeploymentPhase.Active);
        await _fleet.UntilAsync(first, "succeeds again", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal(2, (await _fleet.Store.FindAsync<Target>("speech", default))!.Document.Release!.Version);
        Assert.Equal((2, false), await _fleet.ToldAsync(other));
    }

    [Fact]
    public async Task Rollback_moves_its_target_back_and_newcomers_with_it()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await BackAsync(await ServeAsync());
        await _fleet.EnrollAsync(1, prefix: "new");
        await _fleet.AppearAsync(DeviceId.Parse("new-00000"));
        await _fleet.UntilToldAsync(DeviceId.Parse("new-00000"), 1);
    }

    /// <summary>
    /// A program from before targets told devices without saying whose word it was, and left aborted orders where they were.
    /// </summary>
    [Fact]
    public async Task Rollout_stored_before_there_were_targets_is_rolled_back_all_the_same()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        var id = await ServeAsync();
        var device = DeviceId.Parse("dev-00000");
        await _fleet.Store.UpdateAsync<Rollout>(id, rollout => rollout with { Targets = [], IsWhole = false }, default);
        await _fleet.Store.UpdateAsync<DeviceRollout>(
            DeviceRollout.IdOf(id, device),
            part => part with { Models = [new ModelRollout("speech", 2) { PreviousVersion = 1 }] }, default);
        var target = (await _fleet.Store.FindAsync<Target>("speech", default))!;
        await _fleet.Store.CommitAsync([target.Removal()], default);
        await _fleet.Store.UpdateAsync<DeviceDesired>(
            device.Value, desired => new DeviceDesired(desired.Revision, [new DesiredRelease("speech", 2)]), default);

        await BackAsync(id);
        Assert.Equal((1, true), await _fleet.ToldAsync(device));
    }

    private async Task BackAsync(string rollout, int? version = null)
    {
        var answer = await _fleet.Orders.RollBackAsync(rollout, version, default);
        Assert.True(answer.Problem is null, answer.Problem?.Title);
        Assert.Equal((RolloutStatus.RolledBack, true), (answer.Value!.Status, answer.Value.FinishedAt is not null));
        // A number alone is stored with the model that it is of.
        IReadOnlyList<PlannedRelease> to = version is { } number ? [new PlannedRelease("speech", number)] : [];
        Assert.Equal(to, answer.Value.ReturnsTo);
    }

    /// <summary>The next release, served by every device.</summary>
    private async Task<string> ServeAsync(TimeSpan? validFor = null)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var rollout = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(validFor: validFor)))).Id;
        await _fleet.SucceedAsync(rollout);
        return rollout;
    }

    private async Task<string> StartAsync(string waves, string filter = "", Func<RolloutPlan, RolloutPlan>? with = null)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(), waves, filter);
        return (await _fleet.RollOutAsync(with?.Invoke(plan) ?? plan)).Id;
    }
}
