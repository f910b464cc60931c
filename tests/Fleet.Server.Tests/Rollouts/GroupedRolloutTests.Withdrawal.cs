using System.Net.Http.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Releases;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>The part about releases that are withdrawn.</summary>
public sealed partial class GroupedRolloutTests
{
    [Fact]
    public async Task Withdrawal_of_one_release_sends_back_all_that_were_moved_together()
    {
        await FinishAsync(await StartAsync());
        await FinishAsync(await StartAsync());
        Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync("vision", 2, keepServing: false, default)).Problem);
        await _fleet.UntilToldAsync(First, 1, "vision");
        var desired = await _fleet.DesiredAsync(First);
        Assert.Equal([("speech", 1), ("vision", 1)], desired.Assignments.Select(release => (release.Model, release.Version)).Order());
        Assert.Equal(("vision", 2), desired.Withdrawn!.Select(release => (release.Model, release.Version)).Single());
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(1, target.Release!.Version));
    }

    /// <summary>Found in review: the device kept the model that had come with the withdrawn one, beside an older release of it.</summary>
    [Fact]
    public async Task Withdrawal_of_one_release_takes_away_what_came_with_it_and_was_not_there_before()
    {
        await _fleet.ReleaseAsync("speech");
        using (var set = await _fleet.Http.PutAsJsonAsync("/api/v1/targets/speech", new { model = "speech", version = 1 }))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync());
        foreach (var device in (DeviceId[])[First, Second])
        {
            await _fleet.UntilToldAsync(device, 1);
            await SayAsync(device, Said("speech", DeploymentPhase.Active));
        }
        await FinishAsync(await StartAsync());
        Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync("speech", 2, keepServing: false, default)).Problem);
        await _fleet.UntilToldAsync(First, 1);
        var left = Assert.Single((await _fleet.DesiredAsync(First)).Assignments);
        Assert.Equal(("speech", 1), (left.Model, left.Version));
    }

    /// <summary>Found in review: devices were sent back to a release that they refuse, and served on what was rolled back.</summary>
    [Fact]
    public async Task Rollback_to_what_was_withdrawn_since_is_refused_with_the_way_out()
    {
        await FinishAsync(await StartAsync());
        var second = await StartAsync();
        await FinishAsync(second);
        Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync("vision", 1, keepServing: false, default)).Problem);
        var refused = (await _fleet.Orders.RollBackAsync(second, null, default)).Problem!;
        Assert.Equal(409, refused.Status);
        Assert.StartsWith("Release vision 1, which was there before rollout", refused.Title, StringComparison.Ordinal);
        Assert.Contains("fleet targets set vision --version N --allow-older", refused.Problems[0], StringComparison.Ordinal);
        Assert.Equal(2, (await _fleet.ToldAsync(First, "vision"))!.Value.Version);
    }
}
