using System.Net.Http.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// The part about a later release of one model for devices that do not serve the plan. Found in review: they were told of it alone, began
/// the rest of the plan anew by itself, and could be left with half of it beside what they served before.
/// </summary>
public sealed partial class GroupedRolloutTests
{
    [Fact]
    public async Task Device_that_failed_the_plan_gets_the_next_release_of_one_model_together_with_the_other_or_not_at_all()
    {
        await FailAsync();
        var third = await RollOutVisionAsync();
        Assert.Equal(["speech 2", "vision 3"], await ToldAsync(First));
        Assert.Equal([third, third], await GroupsAsync(First));
        Assert.Equal(["speech 2", "vision 3"], await ToldAsync(Second));
        Assert.Null((await _fleet.DesiredAsync(Second)).Of("vision")!.Group); // it serves the plan: its models move by themselves

        await SayAsync(First, Said("speech", DeploymentPhase.Watching), Said("vision", DeploymentPhase.Active));
        Assert.Contains(First, await _fleet.RunningAsync(third));
        await SayAsync(
            First,
            Said("speech", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GroupFailed, ActiveVersion = 1 },
            Said("vision", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GateMissed, ActiveVersion = 1 });
        await _fleet.UntilAsync(third, "aborts", view => view is { Status: RolloutStatus.Aborted, FinishedAt: not null });
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
        Assert.Equal(["speech 2", "vision 2"], await ToldAsync(Second));
    }

    [Fact]
    public async Task Device_that_took_the_next_release_together_with_the_other_model_returns_with_both()
    {
        await FailAsync();
        var third = await RollOutVisionAsync();
        await ServeAsync(First);
        await ServeAsync(Second);
        await _fleet.UntilAsync(third, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Null((await _fleet.Orders.RollBackAsync(third, null, default)).Problem);
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
        Assert.Equal(["speech 2", "vision 2"], await ToldAsync(Second));
    }

    [Fact]
    public async Task Target_of_one_model_that_is_set_after_a_device_failed_the_plan_is_told_to_it_together_with_the_other()
    {
        await FailAsync();
        await _fleet.ReleaseAsync("vision");
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        using (var set = await _fleet.Http.PutAsJsonAsync("/api/v1/targets/vision", new { model = "vision", version = 3 }))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync());
        await _fleet.UntilToldAsync(First, 3, "vision");
        Assert.Equal(["speech 2", "vision 3"], await ToldAsync(First));
        Assert.Single((await GroupsAsync(First)).OfType<string>().Distinct());
        Assert.Null((await _fleet.DesiredAsync(Second)).Of("vision")!.Group);
    }

    [Fact]
    public async Task Device_that_has_the_next_release_of_one_model_under_way_together_with_the_other_is_passed_over_by_a_rollout_of_that()
    {
        await FailAsync();
        var third = await RollOutVisionAsync();
        var fourth = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id;
        Assert.Equal([Second], await _fleet.RunningAsync(fourth));
        Assert.Contains(First, await _fleet.RunningAsync(third));
        Assert.Equal(["speech 2", "vision 3"], await ToldAsync(First));
    }

    [Fact]
    public async Task Device_that_is_ordered_otherwise_on_the_other_model_meanwhile_leaves_the_rollout_without_a_verdict()
    {
        await FailAsync();
        var third = await RollOutVisionAsync();
        await _fleet.ReleaseAsync();
        using (var set = await _fleet.Http.PutAsJsonAsync("/api/v1/targets/speech", new { model = "speech", version = 3 }))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync());
        var view = await _fleet.UntilAsync(
            third, "lets it go", view => view.Devices.Any(device => device.Status == DeviceRolloutStatus.Left));
        Assert.Equal(First, view.Devices.Single(device => device.Status == DeviceRolloutStatus.Left).Device);
        Assert.Equal(["speech 3", "vision 3"], await ToldAsync(First));
        Assert.Single((await GroupsAsync(First)).OfType<string>().Distinct());
    }

    /// <summary>Both devices serve 1 of both models; the second then serves 2 of both, which the first could not switch to.</summary>
    private async Task FailAsync()
    {
        await FinishAsync(await StartAsync());
        var rollout = await StartAsync("100%", plan => plan with { MaximumFailureRate = 0.5, MinimumFinished = 2 });
        await SayAsync(
            First,
            Said("speech", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GroupFailed, ActiveVersion = 1 },
            Said("vision", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GateMissed, ActiveVersion = 1 });
        await FinishAsync(rollout);
    }

    private async Task<string> RollOutVisionAsync()
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        return (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync("vision")))).Id;
    }

    private async Task<IReadOnlyList<string?>> GroupsAsync(DeviceId device)
        => [.. (await _fleet.DesiredAsync(device)).Assignments.Select(release => release.Group)];
}
