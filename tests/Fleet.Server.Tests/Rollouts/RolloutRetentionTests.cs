using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>Of rollouts that ended long ago the counts are kept, and of their devices only what somebody may need still.</summary>
public sealed class RolloutRetentionTests : IAsyncLifetime
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(2);
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync($"--Fleet:RolloutRetention={Kept:c}");
        await _fleet.EnrollAsync(5);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Devices_of_an_ended_rollout_are_forgotten_once_something_newer_was_ordered_and_its_counts_stay()
    {
        var first = await StartAsync();
        await _fleet.FailAsync(DeviceId.Parse("dev-00003"), serves: null);
        (await _fleet.Http.PostAsync(new Uri("/api/v1/devices/dev-00004/revoke", UriKind.Relative), null)).Dispose();
        await _fleet.UntilAsync(first, "lets one go", view => view.Waves[0].Left == 1);
        await _fleet.SucceedAsync(first);
        await FetchedAsync(first, DeviceId.Parse("dev-00000"));
        var before = await _fleet.ViewAsync(first);
        // One device moves on by a rollout of its own; the others follow the word of the first.
        await _fleet.SucceedAsync(await StartAsync("id=dev-00000"));
        await SweepAsync(Kept - TimeSpan.FromHours(1));
        Assert.Equal(5, (await _fleet.ViewAsync(first)).Devices.Count);
        await SweepAsync(TimeSpan.FromHours(2));
        var after = await _fleet.ViewAsync(first);
        Assert.Equal(
            ["dev-00001", "dev-00002", "dev-00003", "dev-00004"], after.Devices.Select(device => device.Device.Value).Order());
        AssertCounts(before, after, forgotten: 1);
        Assert.Single(await _fleet.Store.AllAsync<RolloutMembers>($"{first}/", default).ToListAsync());

        (await _fleet.Http.DeleteAsync(new Uri("/api/v1/devices/dev-00004", UriKind.Relative))).Dispose();
        await _fleet.SucceedAsync(await StartAsync());
        await SweepAsync(Kept + TimeSpan.FromHours(1));
        await _fleet.RestartAsync();
        after = await _fleet.ViewAsync(first);
        Assert.Empty(after.Devices);
        AssertCounts(before, after, forgotten: 5);
        Assert.Empty(await _fleet.Store.AllAsync<DeviceRollout>($"{first}/", default).ToListAsync());
        Assert.Empty(await _fleet.Store.AllAsync<RolloutMembers>($"{first}/", default).ToListAsync());
        Assert.Empty(await _fleet.Store.AllAsync<FetchedBytes>($"{first}/", default).ToListAsync());
        AssertCounts(before, (await _fleet.Store.RolloutViewsAsync(null, 10, default)).Single(view => view.Id == first), forgotten: 5);
    }

    [Fact]
    public async Task Rollout_of_which_all_is_forgotten_is_neither_rolled_back_nor_retried()
    {
        var first = await StartAsync();
        await _fleet.SucceedAsync(first);
        var second = await StartAsync();
        await _fleet.SucceedAsync(second);
        await SweepAsync(Kept + TimeSpan.FromHours(1));
        Assert.Empty((await _fleet.ViewAsync(first)).Devices);
        Assert.Equal(409, (await _fleet.Orders.RollBackAsync(first, null, default)).Problem!.Status);
        Assert.Equal(409, (await _fleet.Orders.RetryAsync(first, default)).Problem!.Status);

        // The last one is whole, however old it is: it can be taken back.
        Assert.Equal(5, (await _fleet.ViewAsync(second)).Devices.Count);
        Assert.Null((await _fleet.Orders.RollBackAsync(second, null, default)).Problem);
        await _fleet.UntilToldAsync(DeviceId.Parse("dev-00000"), 1);
        // So are devices on their way back.
        await _fleet.AppearAsync(DeviceId.Parse("dev-00000"), 1);
        await SweepAsync(Kept + TimeSpan.FromHours(1));
        var view = await _fleet.ViewAsync(second);
        Assert.Equal((1, 4), (view.Forgotten, view.Devices.Count));
        Assert.Equal(new ReturnsView(4, 1, 0, 0), view.Returns);
    }

    private async Task<string> StartAsync(string filter = "")
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(), filter: filter);
        return (await _fleet.RollOutAsync(plan with { MaximumFailureRate = 1 })).Id;
    }

    private Task FetchedAsync(string rollout, DeviceId device) => _fleet.Store.CommitAsync(
        [StoreChange.Create(rollout, new FetchedBytes(7)), StoreChange.Create(FetchedBytes.IdOf(rollout, device), new FetchedBytes(7))],
        default);

    private async Task SweepAsync(TimeSpan later)
    {
        _fleet.Clock.AdjustTime(_fleet.Clock.GetUtcNow() + later); // no timer of those days has to run
        await _fleet.Of<RolloutRetention>().SweepAsync(default);
    }

    private static void AssertCounts(RolloutView before, RolloutView after, int forgotten)
    {
        Assert.Equal((3, 1, 1), (after.Waves[0].Succeeded, after.Waves[0].Failed, after.Waves[0].Left));
        Assert.Equal(before.Waves.Select(wave => (wave.Total, wave.Waiting, wave.Running, wave.Succeeded, wave.Failed, wave.Left)),
            after.Waves.Select(wave => (wave.Total, wave.Waiting, wave.Running, wave.Succeeded, wave.Failed, wave.Left)));
        Assert.Equal((forgotten, 7L), (after.Forgotten, after.Fetched));
    }
}
