using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>Two models in one plan, by real programs: a device switches to both releases or to none.</summary>
[Collection(nameof(OneFleet))]
public sealed class TwoModelsTests(FleetFixture fleet)
{
    [Fact]
    public async Task Two_models_are_switched_to_together_and_neither_is_where_the_second_misses_its_gate()
    {
        await using var agent = await fleet.AgentAsync("pair", "pair-1");
        foreach (var model in (string[])["eye", "ear"]) await fleet.ReleaseAsync(model);
        var asked = "";
        await Eventually.TrueAsync("the device has reported, so that it can take part", async () =>
        {
            var preview = await StartAsync("1", "--dry-run");
            asked = preview.Output;
            return preview.Code == 0;
        }, evidence: () => asked);
        var good = await StartAsync("1", "--wait");
        Assert.True(good.Code == 0, good.Output);
        Assert.Contains("of eye 1 and ear 1: succeeded", good.Output, StringComparison.Ordinal);
        Assert.Equal([1, 1], await ServedAsync());

        await fleet.ReleaseAsync("eye");
        await fleet.ReleaseAsync("ear", FleetFixture.Impossible);
        var bad = await StartAsync("2", "--wait");
        Assert.NotEqual(0, bad.Code);
        Assert.Contains("gate missed: ear 2: ", bad.Output, StringComparison.Ordinal);
        var ended = await fleet.Server.RolloutEndsAsync(FleetFixture.RolloutIn(bad.Output), RolloutStatus.Aborted);
        var failed = Assert.Single(ended.Devices);
        Assert.Equal((DeviceRolloutStatus.Failed, DeploymentFailure.GateMissed), (failed.Status, failed.Failure));
        Assert.Equal(
            [DeploymentFailure.GroupFailed, DeploymentFailure.GateMissed], failed.Models.Select(model => model.Failure));
        Assert.Equal([1, 1], await ServedAsync());

        await fleet.ReleaseAsync("ear");
        var next = await StartAsync("2", "--wait", ear: "3");
        Assert.True(next.Code == 0, next.Output);
        Assert.Equal([2, 3], await ServedAsync());
        var back = await fleet.CliAsync(
            "rollouts", "rollback", FleetFixture.RolloutIn(next.Output), "--to", "eye=1", "--to", "ear=1", "--yes", "--wait");
        Assert.True(back.Code == 0, back.Output);
        Assert.Equal([1, 1], await ServedAsync());
    }

    /// <summary>Versions of eye and ear that serve.</summary>
    private async Task<int?[]> ServedAsync()
    {
        var models = (await fleet.Server.DeviceAsync("pair-1")).Models.ToDictionary(model => model.Model, model => model.ActiveVersion);
        return [models["eye"], models["ear"]];
    }

    private Task<ProcessResult> StartAsync(string version, string how, string? ear = null) => fleet.CliAsync(
        "rollouts", "start", "--model", "eye", "--version", version, "--and", $"ear={ear ?? version}", "--waves", "100%",
        "--filter", "label.test=pair", "--max-failure-rate", "0%", how);
}
