using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Keys;

namespace Fleet.Server.Tests.Devices;

/// <summary>
/// Row R9: after a restore of the documented backup, while devices had gone on, desired states were ignored as older, rollouts aborted as
/// silent and release numbers were given twice.
/// </summary>
public sealed class RestoredServerTests : IAsyncLifetime
{
    private static readonly DeviceId Device = DeviceId.Parse("dev-00000");

    private TestFleet _fleet = null!;
    private DateTimeOffset _restoredFrom;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Next_order_after_a_restore_is_above_the_revision_that_the_device_reports()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        await SayAsync(revision: 7, serves: 1);
        await ServeAsync();
        Assert.Equal(9, (await _fleet.DesiredAsync(Device)).Revision);
        Assert.Equal((2, false), await _fleet.ToldAsync(Device));
    }

    /// <summary>
    /// Found in review: with nothing to order, a device that was ahead refused all that it was told, and a move of the server lost it.
    /// </summary>
    [Fact]
    public async Task Device_that_is_ahead_and_serves_what_is_stored_is_ordered_the_same_again_and_hears_of_a_move()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        var before = await _fleet.DesiredAsync(Device);
        await SayAsync(revision: 7, serves: 1);
        var after = await _fleet.DesiredAsync(Device);
        Assert.Equal((8, before.Assignments[0]), (after.Revision, Assert.Single(after.Assignments)));

        Appear();
        var moved = await MoveAsync();
        Assert.Equal((1, 0), (moved.Told, moved.Waiting));
        var (state, _) = await _fleet.Of<OrderedStates>().OfAsync(Device, default);
        var order = OrderVerifier.Read(state!.Order!)!;
        Assert.Equal((8, "there.example:8883"), (order.Revision, order.Address!.Mqtt));
    }

    /// <summary>It was counted among those that know the new address, because it was connected.</summary>
    [Fact]
    public async Task Device_that_refuses_what_it_is_told_is_not_counted_among_those_that_know_of_a_move()
    {
        await _fleet.EnrollAsync(3);
        await ServeAsync();
        await RestoreAsync();
        await SayAsync(revision: 7, serves: 3); // which is not stored
        foreach (var device in (string[])[Device.Value, "dev-00001", "dev-00002"]) Appear(device);
        await MoveAsync();
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        await _fleet.ReportAsync(DeviceId.Parse("dev-00001"), new ReportedState
        {
            Revision = 1,
            Models = [],
            Facts = new DeviceFacts { Architecture = "x64" },
            Trust = new TrustReport { Root = 1, Fault = OrderFault.Expired },
        });

        var moved = (await _fleet.Http.GetFromJsonAsync("/api/v1/server", FleetJson.Default.ServerView))!;
        Assert.Equal((1, "dev-00000, dev-00001"), (moved.Told, string.Join(", ", moved.WaitingDevices!)));
    }

    [Fact]
    public async Task Order_given_to_a_device_that_was_off_at_the_restore_is_given_again_above_its_revision()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await SayAsync(revision: 7, serves: 1);
        Assert.Equal((8, (2, false)), ((await _fleet.DesiredAsync(Device)).Revision, (await _fleet.ToldAsync(Device))!.Value));
        await _fleet.ReportAsync(Device, DeploymentPhase.Active);
        await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task What_a_device_serves_is_believed_where_its_release_is_stored()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await _fleet.ReleaseAsync();
        await RestoreAsync();
        await SayAsync(revision: 7, serves: 2);
        Assert.Equal((2, false), await _fleet.ToldAsync(Device));
        await _fleet.RestartAsync(); // the sweep of a start looks at everyone
        await _fleet.AppearAsync(Device, 2);
        Assert.Equal((2, false), await _fleet.ToldAsync(Device));
    }

    [Fact]
    public async Task Release_that_is_not_stored_goes_on_serving_is_told_by_health_and_its_number_is_not_given_again()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        await SayAsync(revision: 7, serves: 3);
        Assert.Equal((1, 1L), ((await _fleet.ToldAsync(Device))!.Value.Version, (await _fleet.DesiredAsync(Device)).Revision));
        Assert.Equal([new WarnedDevice(Device, "speech 3")], Assert.Single(_fleet.Of<ServerHealth>().Warnings).Devices);

        var release = await _fleet.ReleaseAsync();
        Assert.Equal(4, release.Version);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        await _fleet.SucceedAsync(rollout.Id);
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);
    }

    /// <summary>The model was taken away after the backup, and another release was held back for a window.</summary>
    [Fact]
    public async Task What_was_ordered_is_believed_with_all_that_the_order_says_and_leaves_out()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await _fleet.ReleaseAsync("vibration");
        await RestoreAsync();
        var window = new ActivationWindow(new TimeOnly(2, 0), new TimeOnly(5, 0));
        var before = await _fleet.DesiredAsync(Device);
        var order = await _fleet.OrderAsync(Device, 7, _restoredFrom, new OrderedRelease("vibration", 1, "", Window: window));
        var reported = new ReportedState { Revision = 7, Facts = new DeviceFacts { Architecture = "x64" }, Models = [] };
        var caught = RestoreRules.CatchUp(before, order, reported, order.Assignments.ToHashSet());
        Assert.Equal(("vibration", window), (Assert.Single(caught.Assignments).Model, caught.Assignments[0].Window));

        await _fleet.SayAsync(Device, 7, _fleet.Signed(order));
        Assert.Equal(window, (await _fleet.DesiredAsync(Device)).Of("vibration")!.Window); // a target may order the other again
    }

    /// <summary>A release that was withdrawn after the backup: devices went back from it, and their orders name it no more.</summary>
    [Fact]
    public async Task Number_of_a_release_that_devices_went_back_from_is_not_given_again()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        var order = await _fleet.OrderAsync(Device, 7, _restoredFrom, new OrderedRelease("speech", 1, "", Rollback: true));
        var model = await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active);
        await _fleet.SayAsync(Device, 7, _fleet.Signed(order), model with { PreviousVersion = 3 });
        Assert.Equal(4, (await _fleet.ReleaseAsync()).Version);
    }

    [Fact]
    public async Task Order_that_an_earlier_key_signed_is_believed()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        var shown = _fleet.Signed(await _fleet.OrderAsync(Device, 7, _restoredFrom, new OrderedRelease("speech", 1, "")));
        var keys = _fleet.Of<FleetKeys>();
        Assert.Null(keys.Apply(keys.Prepare(new RootChange { Orders = true }, _fleet.Clock.GetUtcNow()).Value!));
        await _fleet.SayAsync(Device, 7, shown);
        Assert.Equal(7, (await _fleet.DesiredAsync(Device)).Floor);
    }

    [Fact]
    public async Task Time_that_an_admin_vouches_for_after_a_restore_is_above_what_devices_have_taken()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        // The revision is the one of the backup: anchoring the time orders nothing.
        var order = (await _fleet.OrderAsync(Device, 1, _restoredFrom, new OrderedRelease("speech", 1, ""))) with { TimeAnchor = 3 };
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(order with { TimeAnchor = 9 }, FleetJson.Default.DeviceOrder);
        await _fleet.SayAsync(Device, 1, DsseEnvelope.Sign(DeviceOrder.PayloadType, bytes, foreign));
        await _fleet.SayAsync(Device, 1, _fleet.Signed(order));
        Assert.Equal((0, 3), (_fleet.Of<SigningClock>().Anchor, _fleet.Of<SigningClock>().LatestAnchor));

        using var vouched = await _fleet.Http.PostAsync(new Uri("/api/v1/keys/time-anchor", UriKind.Relative), null);
        vouched.EnsureSuccessStatusCode();
        var (state, _) = await _fleet.Of<OrderedStates>().OfAsync(Device, default);
        Assert.Equal(4, OrderVerifier.Read(state!.Order!)!.TimeAnchor);
    }

    /// <summary>An agent from before the proof shows nothing; it is listed, and an operator vouches for it.</summary>
    [Fact]
    public async Task Device_of_an_earlier_agent_is_ordered_above_its_revision_when_an_operator_vouches_for_it()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        await _fleet.SayAsync(Device, 7, order: null, await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active));
        Assert.Equal(7, Assert.Single(await StrangersAsync()).Revision);
        using var adopted = await _fleet.Http.PostAsync(new Uri($"/api/v1/strangers/{Device}/adopt", UriKind.Relative), null);
        adopted.EnsureSuccessStatusCode();
        Assert.Empty(await StrangersAsync());
        await ServeAsync();
        Assert.Equal(8, (await _fleet.DesiredAsync(Device)).Revision);
    }

    /// <summary>
    /// Found in use: keys of yesterday's backup, devices at a root made since; every release was refused and nobody was told why.
    /// </summary>
    [Fact]
    public async Task Root_that_devices_follow_and_the_server_does_not_have_is_told_with_the_way_out()
    {
        await _fleet.EnrollAsync(1);
        await TrustAsync(1 + 2, "5f");
        var warning = Assert.Single(_fleet.Of<ServerHealth>().Warnings);
        Assert.StartsWith("1 device says that it follows a root that is not on this server, whose newest is 1.", warning.Text,
            StringComparison.Ordinal);
        Assert.Contains("repeat 'fleet keys rotate releases'", warning.Text, StringComparison.Ordinal);
        Assert.Equal([new WarnedDevice(Device, "root 3")], warning.Devices);

        var keys = _fleet.Of<FleetKeys>();
        while (keys.Root.Version < 4)
        {
            Assert.Null(keys.Apply(keys.Prepare(new RootChange { Releases = true }, _fleet.Clock.GetUtcNow()).Value!));
            await TrustAsync(3, "5f"); // another root of the same version does not clear it
            Assert.Single(_fleet.Of<ServerHealth>().Warnings);
        }
        await TrustAsync(4, keys.Roots[^1].Digest());
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);

        await TrustAsync(int.MaxValue, "5f");
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);
    }

    /// <summary>Found in review: a device that was decommissioned meanwhile kept the server troubled until its next start.</summary>
    [Fact]
    public async Task Health_says_no_more_of_a_device_that_is_decommissioned()
    {
        await _fleet.EnrollAsync(1);
        await ServeAsync();
        await RestoreAsync();
        await TrustAsync(3, "5f");
        await SayAsync(revision: 7, serves: 3);
        Assert.Equal(2, _fleet.Of<ServerHealth>().Warnings.Count);

        using var removed = await _fleet.Http.DeleteAsync(new Uri($"/api/v1/devices/{Device}", UriKind.Relative));
        removed.EnsureSuccessStatusCode();
        Assert.Empty(_fleet.Of<ServerHealth>().Warnings);
    }

    private void Appear(string device = "dev-00000") => _fleet.Of<DeviceBoard>().Connected(DeviceId.Parse(device), null, default);

    private async Task<ServerView> MoveAsync()
    {
        using var content = JsonContent.Create(
            new ServerAddresses(new Uri("https://there.example:8443"), "there.example:8883"), FleetJson.Default.ServerAddresses);
        using var answer = await _fleet.Http.PostAsync(new Uri("/api/v1/server/move", UriKind.Relative), content);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(FleetJson.Default.ServerView))!;
    }

    private Task TrustAsync(int root, string digest) => _fleet.ReportAsync(Device, new ReportedState
    {
        Revision = 0,
        Models = [],
        Facts = new DeviceFacts { Architecture = "x64" },
        Trust = new TrustReport { Root = root, Digest = digest },
    });

    private async Task ServeAsync()
        => await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);

    /// <summary>The server starts from a backup, after which it ordered more that is lost.</summary>
    private async Task RestoreAsync()
    {
        _fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        _restoredFrom = _fleet.Clock.GetUtcNow();
        _fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        await _fleet.RestartAsync();
    }

    /// <summary>The device connects, and serves what it was ordered before the server was restored.</summary>
    private async Task SayAsync(long revision, int serves)
    {
        var order = await _fleet.OrderAsync(Device, revision, _restoredFrom, new OrderedRelease("speech", serves, ""));
        await _fleet.SayAsync(
            Device, revision, _fleet.Signed(order), await _fleet.ModelAsync("speech", serves, DeploymentPhase.Active));
    }

    private async Task<IReadOnlyList<StrangerView>> StrangersAsync()
        => (await _fleet.Http.GetFromJsonAsync("/api/v1/strangers", FleetJson.Default.IReadOnlyListStrangerView))!;
}
