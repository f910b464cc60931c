using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Tests.Dashboard;

public sealed class TargetPageTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Targets_show_how_far_their_devices_are_which_they_do_not_reach_and_which_are_held_apart()
    {
        await _fleet.EnrollAsync(3);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.SucceedAsync(rollout.Id);
        await _fleet.ReleaseAsync();
        using var pinned = await _fleet.Http.PutAsJsonAsync(
            new Uri("/api/v1/pins/dev-00001/speech", UriKind.Relative), new SetPinRequest(2), FleetJson.Default.SetPinRequest);
        pinned.EnsureSuccessStatusCode();

        var page = await _fleet.Http.GetStringAsync(new Uri("/targets", UriKind.Relative));
        Assert.Contains("2 of 2", page, StringComparison.Ordinal);
        Assert.Contains("1 not: The device is pinned to release 2.", page, StringComparison.Ordinal);
        Assert.Contains($"href=\"/rollouts/{rollout.Id}\"", page, StringComparison.Ordinal);
        Assert.Matches("<td>speech 2</td>", page);
    }
}
