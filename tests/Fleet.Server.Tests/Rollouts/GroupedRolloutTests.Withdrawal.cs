using System.Net.Http.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
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
        Assert.Contains($"rollback {second} --to speech=N --to vision=N", refused.Problems[0], StringComparison.Ordinal);
        Assert.Equal(2, (await _fleet.ToldAsync(First, "vision"))!.Value.Version);
    }

    /// <summary>Found in review: each target went back by itself, and devices got speech 2 beside vision 1, which never was.</summary>
    [Fact]
    public async Task Two_withdrawals_bring_back_what_was_served_together_and_not_a_pair_that_never_was()
    {
        for (var i = 0; i < 3; i++) await FinishAsync(await StartAsync());
        await WithdrawAsync("vision", 2);
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(3, target.Release!.Version));
        await WithdrawAsync("speech", 3);
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(1, target.Release!.Version));
        await _fleet.UntilToldAsync(First, 1);
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
    }

    [Fact]
    public async Task Targets_go_back_by_what_was_ordered_last_also_where_their_models_had_moved_one_by_one()
    {
        await FinishAsync(await StartAsync());
        foreach (var model in (string[])["vision", "speech"])
        {
            _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
            var single = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(model)))).Id;
            foreach (var device in await _fleet.RunningAsync(single)) await ServeAsync(device);
            await _fleet.UntilAsync(single, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        }
        await FinishAsync(await StartAsync());
        await WithdrawAsync("vision", 2);
        await WithdrawAsync("vision", 3);
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(1, target.Release!.Version));
    }

    /// <summary>Found in review: what was there before came back unchecked.</summary>
    [Fact]
    public async Task Targets_of_a_rollout_that_is_rolled_back_pass_over_what_is_withdrawn_at_that_moment()
    {
        var rollout = "";
        for (var i = 0; i < 3; i++) await FinishAsync(rollout = await StartAsync());
        await WithdrawAsync("vision", 2);
        var taken = (await _fleet.Store.FindAsync<Rollout>(rollout, default))!.Document with { Status = RolloutStatus.RolledBack };
        await _fleet.Store.CommitAsync(await _fleet.Of<RolloutTargets>().EndAsync(taken, default), default);
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(1, target.Release!.Version));
    }

    /// <summary>Found in review: a release that was withdrawn while its rollout came to its end stayed with the target for good.</summary>
    [Fact]
    public async Task Targets_do_not_come_to_a_release_that_is_withdrawn_while_its_rollout_succeeds()
    {
        await FinishAsync(await StartAsync());
        var rollout = await StartAsync();
        var succeeded = (await _fleet.Store.FindAsync<Rollout>(rollout, default))!.Document with { Status = RolloutStatus.Succeeded };
        var targets = _fleet.Of<RolloutTargets>();
        var late = await targets.EndAsync(succeeded, default);
        await WithdrawAsync("vision", 2);
        await Assert.ThrowsAsync<VersionConflictException>(() => _fleet.Store.CommitAsync(late, default));
        var after = (await targets.EndAsync(succeeded, default)).Select(change => change.Document);
        Assert.DoesNotContain(after.OfType<Target>(), target => target.Release?.Version == 2);
    }

    private async Task WithdrawAsync(string model, int version)
        => Assert.Null((await _fleet.Of<Withdrawals>().WithdrawAsync(model, version, keepServing: false, default)).Problem);

    private async Task<IEnumerable<string>> ToldAsync(DeviceId device)
        => (await _fleet.DesiredAsync(device)).Assignments.Select(release => $"{release.Model} {release.Version}").Order();
}
