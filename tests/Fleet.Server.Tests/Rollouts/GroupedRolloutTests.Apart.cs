using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// The part about devices for which somebody else decides on one model in the middle. Found in review: they were left with the other
/// models of the plan alone.
/// </summary>
public sealed partial class GroupedRolloutTests
{
    [Fact]
    public async Task Device_that_is_pinned_on_one_model_in_the_middle_leaves_the_rollout_and_has_what_was_together_before()
    {
        await FinishAsync(await StartAsync());
        var rollout = await StartAsync();
        Assert.Equal(["speech 2", "vision 2"], await ToldAsync(First));
        await PinAsync(First);
        var view = await _fleet.UntilAsync(
            rollout, "lets it go", view => view.Devices.Any(device => device.Status == DeviceRolloutStatus.Left));
        Assert.Equal(First, view.Devices.Single(device => device.Status == DeviceRolloutStatus.Left).Device);
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
        Assert.Equal(["speech 2", "vision 2"], await ToldAsync(Second));
    }

    [Fact]
    public async Task Device_that_had_nothing_before_keeps_nothing_of_the_plan_beside_its_pin()
    {
        await _fleet.ReleaseAsync("vision");
        await StartAsync();
        Assert.Equal(["speech 1", "vision 2"], await ToldAsync(First));
        await PinAsync(First);
        await _fleet.UntilToldAsync(First, 1, "vision");
        Assert.Equal(["vision 1"], await ToldAsync(First));
    }

    [Fact]
    public async Task Device_returns_to_what_it_serves_where_no_target_says_what()
    {
        await FinishAsync(await StartAsync());
        foreach (var model in Models)
        {
            using var removed = await _fleet.Http.DeleteAsync(new Uri($"/api/v1/targets/{model}", UriKind.Relative));
            Assert.True(removed.IsSuccessStatusCode);
        }
        await StartAsync();
        await PinAsync(First);
        await _fleet.UntilToldAsync(First, 1, "vision");
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
    }

    [Fact]
    public async Task Higher_target_of_one_model_in_the_middle_takes_the_device_out_of_the_whole_plan()
    {
        await FinishAsync(await StartAsync());
        await StartAsync();
        using (var set = await _fleet.Http.PutAsJsonAsync(
            "/api/v1/targets/high", new { model = "vision", version = 1, filter = $"id={First}", priority = 5 }))
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync());
        await _fleet.UntilToldAsync(First, 1, "vision");
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
        Assert.Equal(["speech 2", "vision 2"], await ToldAsync(Second));
    }

    [Fact]
    public async Task Device_that_failed_the_plan_is_not_left_with_one_of_its_models_by_a_pin_afterwards()
    {
        await FinishAsync(await StartAsync());
        var rollout = await StartAsync("100%", plan => plan with { MaximumFailureRate = 0.5, MinimumFinished = 2 });
        await SayAsync(
            First,
            Said("speech", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GroupFailed, ActiveVersion = 1 },
            Said("vision", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.DownloadFailed, ActiveVersion = 1 });
        await FinishAsync(rollout);
        await PinAsync(First);
        await _fleet.UntilToldAsync(First, 1, "vision");
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(First));
    }

    [Fact]
    public async Task Pin_moves_one_model_alone_once_the_device_serves_all_and_the_plan_has_ended()
    {
        await FinishAsync(await StartAsync());
        await FinishAsync(await StartAsync());
        await PinAsync(First);
        await _fleet.UntilToldAsync(First, 1, "vision");
        Assert.Equal(["speech 2", "vision 1"], await ToldAsync(First));
    }

    /// <summary>Found in review: what a device can take was looked at when the rollout began, and not when its wave opened.</summary>
    [Fact]
    public async Task Device_whose_agent_became_an_older_one_before_its_wave_is_passed_over()
    {
        var rollout = await StartAsync("50% 100%");
        var told = Assert.Single(await _fleet.RunningAsync(rollout));
        var waiting = told == First ? Second : First;
        await _fleet.ReportAsync(waiting, new ReportedState
        {
            Protocol = 2,
            Revision = 0,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [],
        });
        await ServeAsync(told);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Empty(await ToldAsync(waiting));
    }

    [Fact]
    public async Task Newcomer_that_has_room_for_one_of_the_models_gets_none_of_them_and_is_named()
    {
        await FinishAsync(await StartAsync());
        await _fleet.EnrollAsync(2, prefix: "new");
        var (full, free) = (DeviceId.Parse("new-00000"), DeviceId.Parse("new-00001"));
        await _fleet.Store.CommitAsync(
        [
            StoreChange.Create(full.Value, new DeviceDesired(
                1, [.. Enumerable.Range(1, Limits.ModelsPerDevice - 1).Select(number => new DesiredRelease($"model-{number}", 1))])),
        ], default);
        await _fleet.AppearAsync(full);
        await _fleet.AppearAsync(free);
        await _fleet.UntilToldAsync(free, 1);
        Assert.Equal(1, (await _fleet.DesiredAsync(full)).Revision);
        var targets = await _fleet.Http.GetFromJsonAsync("/api/v1/targets", FleetJson.Default.IReadOnlyListTargetView);
        Assert.All(targets!, target => Assert.Equal(
            ("The device would run more than 16 models.", 1), (target.Excluded[0].Reason, target.Excluded[0].Devices)));
    }
}
