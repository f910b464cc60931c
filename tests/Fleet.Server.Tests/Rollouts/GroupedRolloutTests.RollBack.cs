using System.Net;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>The part about rollbacks to releases by name.</summary>
public sealed partial class GroupedRolloutTests
{
    [Fact]
    public async Task Rollback_to_releases_by_name_moves_all_models_and_their_targets_together()
    {
        var rollout = "";
        for (var i = 0; i < 3; i++) await FinishAsync(rollout = await StartAsync());
        using (var answer = await RollBackAsync(rollout, "releases=vision=1,speech=1"))
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Equal("Rolled back to vision 1 and speech 1 by an operator.", (await _fleet.ViewAsync(rollout)).Reason);
        Assert.All((await _fleet.DesiredAsync(First)).Assignments,
            release => Assert.Equal((1, true, rollout), (release.Version, release.Rollback, release.Group)));
        Assert.All(await _fleet.Store.TargetsAsync(default),
            target => Assert.Equal((1, rollout), (target.Release!.Version, target.Release.Group)));
        await ServeAsync(First);
        await ServeAsync(Second);
        Assert.Equal(new ReturnsView(0, 2, 0, 0), (await _fleet.ViewAsync(rollout)).Returns);

        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await _fleet.AppearAsync(newcomer);
        await _fleet.UntilToldAsync(newcomer, 1, "vision");
        Assert.Equal(["speech 1", "vision 1"], await ToldAsync(newcomer));
    }

    [Theory]
    [InlineData("version=1", HttpStatusCode.BadRequest, "such as speech=N, vision=N")]
    [InlineData("releases=speech=1", HttpStatusCode.BadRequest, "one release of each model")]
    [InlineData("releases=speech=1,speech=1", HttpStatusCode.BadRequest, "one release of each model")]
    [InlineData("releases=speech=1,vision=x", HttpStatusCode.BadRequest, "'vision=x' is not a release")]
    [InlineData("releases=speech=1,vision=1&version=1", HttpStatusCode.BadRequest, "one of them is enough")]
    [InlineData("releases=speech=2,vision=2", HttpStatusCode.BadRequest, "is what rollout")]
    [InlineData("releases=speech=1,vision=9", HttpStatusCode.NotFound, "There is no release vision 9.")]
    public async Task Rollback_to_what_is_not_a_release_of_each_model_is_refused(string query, HttpStatusCode status, string title)
    {
        var rollout = "";
        for (var i = 0; i < 2; i++) await FinishAsync(rollout = await StartAsync());
        using var answer = await RollBackAsync(rollout, query);
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(title, (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
        Assert.Equal(RolloutStatus.Succeeded, (await _fleet.ViewAsync(rollout)).Status);
    }

    private Task<HttpResponseMessage> RollBackAsync(string rollout, string query)
        => _fleet.Http.PostAsync(new Uri($"/api/v1/rollouts/{rollout}/rollback?{query}", UriKind.Relative), null);
}
