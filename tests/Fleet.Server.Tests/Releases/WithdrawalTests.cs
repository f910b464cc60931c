using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Releases;

/// <summary>A withdrawn release is told to the devices that it concerns, and nothing is moved to it any more.</summary>
public sealed class WithdrawalTests : IAsyncLifetime
{
    private static readonly DeviceId First = DeviceId.Parse("dev-00000");
    private static readonly DeviceId Second = DeviceId.Parse("dev-00001");

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Target_goes_back_to_what_it_had_and_its_devices_are_told_both_in_one_order()
    {
        await _fleet.EnrollAsync(2);
        var first = await ServeAsync();
        var second = await ServeAsync();

        var view = await WithdrawAsync(2);
        Assert.NotNull(view.WithdrawnAt);
        await UntilToldAsync(First, 2);
        await UntilToldAsync(Second, 2);
        Assert.Equal((1, true), await _fleet.ToldAsync(First));
        Assert.Equal(1, (await TargetAsync())!.Version);
        var order = await OrderAsync(First);
        Assert.Equal(new WithdrawnRelease("speech", 2, second.Envelope.Digest()), Assert.Single(order.Withdrawn!));
        Assert.Equal(first.Envelope.Digest(), Assert.Single(order.Assignments).Sha256);

        Assert.Equal([First, Second], (await ViewAsync(2)).StillServing!);
        await _fleet.AppearAsync(First, 1);
        Assert.Equal([Second], (await ViewAsync(2)).StillServing!);
        Assert.Null((await ViewAsync(1)).StillServing);
    }

    [Fact]
    public async Task Target_without_a_former_release_has_none_and_devices_are_told_all_the_same()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        var before = (await _fleet.DesiredAsync(First)).Revision;
        await WithdrawAsync(1);
        await UntilToldAsync(First, 1);
        var order = await OrderAsync(First);
        Assert.True(order.Revision > before);
        Assert.Equal((1, 1), (Assert.Single(order.Assignments).Version, Assert.Single(order.Withdrawn!).Version));
        Assert.Null((await TargetAsync())!.Version);

        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await _fleet.AppearAsync(newcomer);
        await ServeAsync(newcomer);
        await _fleet.UntilToldAsync(First, 2);
    }

    [Fact]
    public async Task Device_that_keeps_a_release_to_return_to_is_told_and_one_that_never_had_it_hears_with_its_next_order()
    {
        await _fleet.EnrollAsync(2);
        await _fleet.ReleaseAsync();
        var second = await _fleet.ReleaseAsync();
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(second))).Id);
        var revision = (await _fleet.DesiredAsync(Second)).Revision;
        await SayAsync(First, (await _fleet.ModelAsync("speech", 2, DeploymentPhase.Active)) with { PreviousVersion = 1 });

        await WithdrawAsync(1);
        await UntilToldAsync(First, 1);
        await ConvergedAsync();
        Assert.Equal(revision, (await _fleet.DesiredAsync(Second)).Revision);
        // Somebody may carry it there in a file.
        Assert.Equal(1, Assert.Single((await OrderAsync(Second)).Withdrawn!).Version);
        _fleet.Later(TimeSpan.FromDays(400));
        Assert.Null((await OrderAsync(Second)).Withdrawn);
        Assert.NotNull((await OrderAsync(First)).Withdrawn);
    }

    [Fact]
    public async Task Device_to_which_a_withdrawn_release_was_carried_is_told_once_it_reports_it()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await _fleet.ReleaseAsync();
        await WithdrawAsync(2);
        await ConvergedAsync();
        Assert.Null((await _fleet.DesiredAsync(First)).Withdrawn);
        await _fleet.AppearAsync(First, 2);
        await UntilToldAsync(First, 2);
        var revision = (await _fleet.DesiredAsync(First)).Revision;
        await _fleet.AppearAsync(First, 2); // It goes on all the same: that is shown, and not told for ever.
        await ConvergedAsync();
        Assert.Equal(revision, (await _fleet.DesiredAsync(First)).Revision);
    }

    [Fact]
    public async Task Server_that_was_killed_after_the_withdrawal_tells_devices_at_its_next_start()
    {
        await _fleet.EnrollAsync(1);
        var release = await ServeAsync();
        var withdrawn = new WithdrawnRelease("speech", 1, release.Envelope.Digest());
        await _fleet.Store.CommitAsync(
            [StoreChange.Create(Release.IdOf("speech", 1), new Withdrawal(withdrawn, _fleet.Clock.GetUtcNow(), release.ExpiresAt))],
            default);
        await _fleet.RestartAsync();
        await UntilToldAsync(First, 1);
    }

    [Fact]
    public async Task Rollout_that_brings_a_withdrawn_release_is_aborted_and_its_devices_go_back()
    {
        await _fleet.EnrollAsync(4);
        await ServeAsync();
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%"));
        var told = await _fleet.RunningAsync(rollout.Id);
        await _fleet.ReportAsync(told[0], DeploymentPhase.Active);
        await WithdrawAsync(2);

        var view = await _fleet.UntilAsync(rollout.Id, "is aborted", each => each.Status == RolloutStatus.Aborted);
        Assert.Equal("Release 2 of speech was withdrawn.", view.Reason);
        foreach (var device in told)
        {
            await _fleet.UntilToldAsync(device, 1);
            await UntilToldAsync(device, 2);
        }
        Assert.Equal(1, (await TargetAsync())!.Version);
    }

    [Fact]
    public async Task Rollout_that_waits_for_a_second_person_ends_with_its_release()
    {
        await _fleet.EnrollAsync(1);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync()) with { RequiresApproval = true };
        var rollout = await _fleet.RollOutAsync(plan);
        Assert.Equal(RolloutStatus.AwaitingApproval, rollout.Status);
        await WithdrawAsync(1);
        await _fleet.UntilAsync(rollout.Id, "is aborted", view => view.Status == RolloutStatus.Aborted);
        Assert.Null(await _fleet.ToldAsync(First));
    }

    [Fact]
    public async Task Devices_that_may_keep_serving_are_told_so_and_later_that_they_may_not()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        var second = await ServeAsync();
        Assert.True((await WithdrawAsync(2, keepServing: true)).KeepServing);
        await UntilToldAsync(First, 2);
        Assert.Equal((2, false), await _fleet.ToldAsync(First));
        Assert.Equal(2, (await TargetAsync())!.Version);
        Assert.Equal(
            new WithdrawnRelease("speech", 2, second.Envelope.Digest(), KeepServing: true),
            Assert.Single((await OrderAsync(First)).Withdrawn!));
        await _fleet.EnrollAsync(1, prefix: "new");
        await _fleet.AppearAsync(DeviceId.Parse("new-00000"));
        await ConvergedAsync();
        Assert.Null(await _fleet.ToldAsync(DeviceId.Parse("new-00000")));

        Assert.False((await WithdrawAsync(2)).KeepServing);
        await _fleet.UntilToldAsync(First, 1);
        Assert.False(Assert.Single((await OrderAsync(First)).Withdrawn!).KeepServing);
        Assert.False((await WithdrawAsync(2, keepServing: true)).KeepServing);
    }

    [Fact]
    public async Task Pin_to_a_withdrawn_release_ends_and_the_device_follows_its_target()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await _fleet.ReleaseAsync();
        var device = (await _fleet.Store.DeviceAsync(First, default))!.Document;
        Assert.Null((await _fleet.Of<TargetOrders>().PinAsync(device, "speech", 2, default)).Problem);
        await _fleet.UntilToldAsync(First, 2);
        await WithdrawAsync(2);
        await _fleet.UntilToldAsync(First, 1);
        Assert.Null(await _fleet.Store.PinAsync(First, "speech", default));
    }

    [Fact]
    public async Task Nothing_is_rolled_back_to_a_withdrawn_release_by_name()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await ServeAsync();
        await ServeAsync();
        await WithdrawAsync(1);
        var newest = (await TargetAsync())!.Rollout!;
        var refused = await _fleet.Orders.RollBackAsync(newest, 1, default);
        Assert.Contains("was withdrawn", refused.Problem!.Title, StringComparison.Ordinal);
    }

    /// <summary>
    /// An agent of protocol 1 or 2 reads no orders: it gets what its target goes back to, and nothing about withdrawals. Found in review:
    /// the released agent of 0.2.0, of protocol 2, counted as one that had heard of them.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Device_of_an_earlier_protocol_is_sent_back_as_far_as_its_target_goes(int protocol)
    {
        await _fleet.EnrollAsync(1);
        await SayAsync(First, protocol: protocol);
        await ServeAsync(protocol: protocol);
        await ServeAsync(protocol: protocol);
        await WithdrawAsync(2);
        await _fleet.UntilToldAsync(First, 1);
        Assert.Null((await _fleet.DesiredAsync(First)).Withdrawn);
        await SayAsync(First, await _fleet.ModelAsync("speech", 2, DeploymentPhase.Active), protocol);
        Assert.Equal([new WarnedDevice(First, "speech 2")], Assert.Single(_fleet.Of<ServerHealth>().Warnings).Devices);
    }

    [Fact]
    public async Task Who_still_serves_a_withdrawn_release_stands_on_the_overview_and_who_answered_and_goes_on_in_health()
    {
        await _fleet.EnrollAsync(2);
        await ServeAsync();
        await ServeAsync();
        await WithdrawAsync(2);
        await UntilToldAsync(First, 2);
        await UntilToldAsync(Second, 2);
        Assert.Contains(
            "speech 2 was withdrawn and still serves on dev-00000, dev-00001.", await _fleet.Http.GetStringAsync("/"),
            StringComparison.Ordinal);
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);

        await _fleet.AppearAsync(First, 1);
        await _fleet.AppearAsync(Second, 2);
        var warning = Assert.Single(_fleet.Of<ServerHealth>().Warnings);
        Assert.StartsWith("1 device serves releases that were withdrawn", warning.Text, StringComparison.Ordinal);
        Assert.Equal([new WarnedDevice(Second, "speech 2")], warning.Devices);
        Assert.Empty(_fleet.Of<ServerHealth>().Problems);
        await _fleet.AppearAsync(Second, 1);
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);
        Assert.DoesNotContain("was withdrawn", await _fleet.Http.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Withdrawn_release_is_not_exported()
    {
        await _fleet.ReleaseAsync();
        await WithdrawAsync(1);
        using var answer = await _fleet.Http.GetAsync("/api/v1/releases/speech/1/bundle");
        Assert.Contains("was withdrawn", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
    }

    [Fact]
    public void Whoever_is_enrolled_under_the_id_of_a_decommissioned_device_is_told_anew()
    {
        var told = DeviceDesired.Nothing.Withdrawing([new WithdrawnRelease("speech", 1, "ab")]);
        Assert.Null(told.Ended(_fleet.Clock.GetUtcNow()).Withdrawn);
    }

    [Fact]
    public async Task Build_of_an_expired_release_is_signed_again_and_the_new_release_is_rolled_out()
    {
        await _fleet.EnrollAsync(1);
        var release = await _fleet.ReleaseAsync(validFor: TimeSpan.FromDays(1));
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(release))).Id);
        _fleet.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Contains("expired", (await _fleet.Orders.StartAsync(TestFleet.PlanOf(release), "tester", default)).Problem!.Title);

        var again = await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(release.Build), default);

        Assert.Equal((2, release.Build), (again.Value!.Version, again.Value.Build));
        Assert.NotEqual(release.Envelope.Digest(), again.Value.Envelope.Digest());
        Assert.True(again.Value.IsLive(_fleet.Clock.GetUtcNow()));
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(again.Value))).Id);
        Assert.Equal(again.Value, (await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(release.Build), default)).Value);
    }

    [Fact]
    public async Task Build_of_a_withdrawn_release_is_signed_again_and_devices_that_heard_of_the_withdrawal_take_the_new_one()
    {
        await _fleet.EnrollAsync(1);
        var release = await ServeAsync();
        await WithdrawAsync(1);
        await UntilToldAsync(First, 1);
        var again = (await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(release.Build), default)).Value!;
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(again))).Id);
        var order = await OrderAsync(First);
        Assert.Equal(again.Envelope.Digest(), Assert.Single(order.Assignments).Sha256);
        Assert.DoesNotContain(order.Withdrawn!, withdrawn => withdrawn.Sha256 == again.Envelope.Digest());
    }

    /// <summary>The next release, which every device serves.</summary>
    private async Task<Release> ServeAsync(DeviceId? also = null, int protocol = 3)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var release = await _fleet.ReleaseAsync();
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        if (also is not null) Assert.Contains(await _fleet.RunningAsync(rollout.Id), device => device == also);
        if (protocol == 3) await _fleet.SucceedAsync(rollout.Id);
        else
        {
            await SayAsync(First, await _fleet.ModelAsync("speech", release.Version, DeploymentPhase.Active), protocol);
            await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        }
        return release;
    }

    private async Task SayAsync(DeviceId device, ReportedModel? model = null, int protocol = 3)
        => await _fleet.ReportAsync(device, new ReportedState
        {
            Protocol = protocol,
            Revision = (await _fleet.DesiredAsync(device)).Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = model is null ? [] : [model],
        });

    private async Task<ReleaseView> WithdrawAsync(int version, bool keepServing = false)
    {
        var query = keepServing ? "?keepServing=true" : "";
        using var answer = await _fleet.Http.PostAsync($"/api/v1/releases/speech/{version}/withdraw{query}", null);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync(FleetJson.Default.ReleaseView))!;
    }

    private async Task<ReleaseView> ViewAsync(int version)
        => (await _fleet.Http.GetFromJsonAsync($"/api/v1/releases/speech/{version}", FleetJson.Default.ReleaseView))!;

    private async Task<TargetView?> TargetAsync()
        => await _fleet.Http.GetFromJsonAsync("/api/v1/targets/speech", FleetJson.Default.TargetView);

    private async Task<DeviceOrder> OrderAsync(DeviceId device)
        => OrderVerifier.Read((await _fleet.Of<OrderedStates>().OfAsync(device, default)).State!.Order!)!;

    /// <summary>Awaits that a device is told of a withdrawal under a revision of its own.</summary>
    private Task UntilToldAsync(DeviceId device, int version) => Eventually.TrueAsync(
        $"{device} is told that {version} is withdrawn",
        async () => (await _fleet.DesiredAsync(device)).Withdrawn?.Any(release => release.Version == version) == true);

    /// <summary>Awaits that the reconciler has looked at every device: one that is new is told by the same look.</summary>
    private async Task ConvergedAsync()
    {
        var probe = DeviceId.Parse("zz-00000");
        if (await _fleet.Store.DeviceAsync(probe, default) is null) await _fleet.EnrollAsync(1, prefix: "zz");
        var release = (await _fleet.ReleaseAsync("probe")).Version;
        var device = (await _fleet.Store.DeviceAsync(probe, default))!.Document;
        Assert.Null((await _fleet.Of<TargetOrders>().PinAsync(device, "probe", release, default)).Problem);
        _fleet.Of<ConvergenceQueue>().ChangedForAll();
        await _fleet.UntilToldAsync(probe, release, "probe");
    }
}
