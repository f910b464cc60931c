using Fleet.Agent.Deployment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>Releases that an operator withdraws, with the real agent.</summary>
public sealed class WithdrawalTests
{
    [Fact]
    public async Task Withdrawn_release_gives_way_to_the_one_before_and_is_refused_whatever_a_later_order_says()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoAsync(server, agent);

        await WithdrawAsync(server, 3, [Withdrawn(second)], second);
        var gone = await ReportedAsync(server, "release 2 is gone", 3, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        Assert.Equal((DeploymentPhase.RolledBack, 1, null), (gone.Phase, gone.ActiveVersion, gone.PreviousVersion));
        Assert.Contains("Release 2 of vibration was withdrawn", gone.Detail, StringComparison.Ordinal);
        await agent.ServesAsync(1);

        // A server that was restored from before the withdrawal asks for it, forward and back.
        await server.DesireAsync("dev-1", 4, second);
        await ReportedAsync(server, "it is refused", 4, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        await server.DesireAsync("dev-1", 5, second with { Rollback = true });
        await ReportedAsync(server, "it is not returned to", 5, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        await agent.KillAsync();
        agent.Start();
        await server.DesireAsync("dev-1", 6, second);
        await ReportedAsync(server, "a kill changes nothing", 6, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        await agent.ServesAsync(1);

        await server.DesireAsync("dev-1", 7, TestRelease.Assign(server, 3));
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
    }

    [Fact]
    public async Task Model_leaves_service_where_the_device_keeps_nothing_else_and_says_why_until_another_release_comes()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (only, speech) = (TestRelease.Assign(server, 1), TestRelease.Assign(server, 3, 3, "speech"));
        await server.DesireAsync("dev-1", 1, only, speech);
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await server.ReportedAsync("speech", 3, DeploymentPhase.Active);

        await WithdrawAsync(server, 2, [Withdrawn(only)], only, speech);
        var gone = await ReportedAsync(server, "release 1 is gone", 2, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        Assert.Null(gone.ActiveVersion);
        Assert.Contains("was withdrawn by an operator", gone.Detail, StringComparison.Ordinal);
        Assert.Null(await agent.ServedFactorAsync());
        await agent.ServesAsync(3, "speech");

        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 2), speech);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await agent.ServesAsync(2);
    }

    [Fact]
    public async Task Device_that_was_off_hears_of_the_withdrawal_when_it_returns()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (first, second) = await ServeTwoAsync(server, agent);
        await agent.KillAsync();

        // The server sends its target back as well: what the device keeps serves again, without a measurement.
        await WithdrawAsync(server, 3, [Withdrawn(second)], first with { Rollback = true });
        var requests = server.Requests.Count;
        agent.Start();
        await ReportedAsync(server, "release 1 serves again", 3, one => one is { Version: 1, Phase: DeploymentPhase.Active });
        await agent.ServesAsync(1);
        Assert.Equal(requests, server.Requests.Count);
    }

    [Fact]
    public async Task Agent_that_was_killed_after_it_had_remembered_the_withdrawal_serves_the_release_before_at_its_next_start()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoAsync(server, agent);
        await agent.KillAsync();
        new Fleet.Agent.Orders.WithdrawnReleases(
            agent.Data, Microsoft.Extensions.Logging.Abstractions.NullLogger<Fleet.Agent.Orders.WithdrawnReleases>.Instance)
            .Remember([Withdrawn(second)]);
        agent.Start();
        await agent.ServesAsync(1);
        await server.ReportedAsync("vibration", "release 2 is gone",
            one => one is { Failure: DeploymentFailure.ReleaseWithdrawn, ActiveVersion: 1 });
    }

    [Fact]
    public async Task Withdrawal_ends_a_deployment_that_is_watched_and_the_release_before_serves_on()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        agent.Start("Deployment:WatchPeriod=1.00:00:00");
        var second = TestRelease.Assign(server, 2);
        await server.DesireAsync("dev-1", 2, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Watching);
        await agent.ServesAsync(2);

        await WithdrawAsync(server, 3, [Withdrawn(second)], second);
        await ReportedAsync(
            server, "release 2 is gone", 3, one => one is { Failure: DeploymentFailure.ReleaseWithdrawn, ActiveVersion: 1 });
        await agent.ServesAsync(1);
    }

    [Fact]
    public async Task Withdrawal_of_what_serves_does_not_lose_the_deployment_that_is_on_its_way()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (first, second) = (TestRelease.Assign(server, 1), TestRelease.Assign(server, 2));
        await agent.ServeAsync(first);
        var hangs = true;
        server.Misbehave = async (context, _, _) =>
        {
            if (!Volatile.Read(ref hangs)) return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await server.DesireAsync("dev-1", 2, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Downloading);

        await WithdrawAsync(server, 3, [Withdrawn(first)], second);
        await ReportedAsync(server, "nothing serves, and release 2 is fetched", 3,
            one => one is { Version: 2, Phase: DeploymentPhase.Downloading, ActiveVersion: null });
        Volatile.Write(ref hangs, false);
        await agent.KillAsync();
        agent.Start();
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Null(server.Reports.Last().Models.Single().PreviousVersion);
    }

    [Fact]
    public async Task Release_before_that_is_withdrawn_is_not_kept_to_return_to()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (first, second) = await ServeTwoAsync(server, agent);
        await WithdrawAsync(server, 3, [Withdrawn(first)], second);
        await ReportedAsync(server, "release 1 is gone", 3, one => one is { ActiveVersion: 2, PreviousVersion: null });
        await agent.ServesAsync(2);
        await server.DesireAsync("dev-1", 4, first with { Rollback = true });
        await ReportedAsync(
            server, "release 1 is refused", 4, one => one is { Failure: DeploymentFailure.ReleaseWithdrawn, ActiveVersion: 2 });
    }

    [Fact]
    public async Task Device_that_may_keep_serving_does_until_another_release_takes_the_place_and_never_returns()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoAsync(server, agent);
        await WithdrawAsync(server, 3, [Withdrawn(second, keepServing: true)], second);
        await ReportedAsync(server, "release 2 serves on", 3, one => one is { Phase: DeploymentPhase.Active, ActiveVersion: 2 });
        await agent.ServesAsync(2);

        await server.DesireAsync("dev-1", 4, TestRelease.Assign(server, 3));
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 5, second with { Rollback = true });
        await ReportedAsync(
            server, "release 2 is refused", 5, one => one is { Failure: DeploymentFailure.ReleaseWithdrawn, ActiveVersion: 3 });
        await agent.ServesAsync(3);
    }

    [Fact]
    public async Task Operator_who_let_devices_keep_serving_may_still_end_that_and_not_the_other_way_round()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoAsync(server, agent);
        await WithdrawAsync(server, 3, [Withdrawn(second, keepServing: true)], second);
        await ReportedAsync(server, "release 2 serves on", 3, one => one.ActiveVersion == 2);
        await WithdrawAsync(server, 4, [Withdrawn(second)], second);
        await ReportedAsync(server, "release 1 serves", 4, one => one.ActiveVersion == 1);
        await WithdrawAsync(server, 5, [Withdrawn(second, keepServing: true)], second);
        await ReportedAsync(server, "release 2 is refused", 5, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        await agent.ServesAsync(1);
    }

    /// <summary>What was only ever served together does not come back in part.</summary>
    [Fact]
    public async Task Release_that_was_switched_to_together_with_a_withdrawn_one_is_not_kept_to_return_to()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (first, second) = await ServeTwoPairsAsync(server, agent);
        await WithdrawAsync(server, 3, [Withdrawn(first[0])], second);
        await BothAsync(server, "neither is kept", 3, one => one is { ActiveVersion: 2, PreviousVersion: null });
        await WithdrawAsync(server, 4, [Withdrawn(second[0])], second);
        await BothAsync(server, "neither serves", 4, one => one.ActiveVersion is null);
        Assert.Null(await agent.ServedFactorAsync("sound"));
    }

    [Fact]
    public async Task Pair_of_which_one_is_lost_from_the_disk_does_not_come_back_in_part()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoPairsAsync(server, agent);
        var sound = new Journals(agent.Data, NullLogger<Journals>.Instance).Of("sound");
        File.Delete(Path.Combine(agent.Data.Shelf, sound.Previous!.Variant.Artifact.Sha256));
        await WithdrawAsync(server, 3, [Withdrawn(second[0])], second);
        await BothAsync(server, "neither serves", 3, one => one.ActiveVersion is null);
        Assert.Null(await agent.ServedFactorAsync());
    }

    [Fact]
    public async Task Pair_comes_back_together_when_one_of_those_that_took_its_place_is_withdrawn()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var (_, second) = await ServeTwoPairsAsync(server, agent);
        await WithdrawAsync(server, 3, [Withdrawn(second[0])], second);
        await BothAsync(server, "both are back", 3, one => one.ActiveVersion == 1);
        await agent.ServesAsync(1);
        await agent.ServesAsync(10, "sound");
    }

    [Fact]
    public async Task Applications_are_told_that_a_model_was_withdrawn_and_who_can_help_also_after_a_restart()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var only = TestRelease.Assign(server, 1);
        await agent.ServeAsync(only);
        await WithdrawAsync(server, 2, [Withdrawn(only)], only);
        await ReportedAsync(server, "release 1 is gone", 2, one => one.Failure == DeploymentFailure.ReleaseWithdrawn);
        await ToldAsync(agent);
        await agent.KillAsync();
        agent.Start();
        await ToldAsync(agent);
        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 2));
        await agent.ServesAsync(2);

        static Task ToldAsync(AgentProcess agent) => Eventually.TrueAsync("an application is told", async () =>
        {
            return await agent.NotFoundAsync("vibration") is { } error
                && error.Contains("Release 1 of vibration was withdrawn by an operator.", StringComparison.Ordinal)
                && error.EndsWith("once an operator of the fleet assigns another release to this device.", StringComparison.Ordinal);
        });
    }

    /// <summary>A device that serves two models at release 2 and keeps both at release 1, each pair switched to together.</summary>
    private static async Task<(Assignment[] First, Assignment[] Second)> ServeTwoPairsAsync(TestServer server, AgentProcess agent)
    {
        var (first, second) = (PairOf(1), PairOf(2));
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, first);
        agent.Start();
        await BothAsync(server, "the first pair serves", 1, one => one.Phase == DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 2, second);
        await BothAsync(server, "the second pair serves", 2, one => one.Phase == DeploymentPhase.Active);
        return (first, second);

        Assignment[] PairOf(int version) =>
        [
            TestRelease.Assign(server, version) with { Group = $"pair-{version}" },
            TestRelease.Assign(server, version, factor: 10 * version, "sound") with { Group = $"pair-{version}" },
        ];
    }

    private static Task BothAsync(TestServer server, string what, long revision, Func<ReportedModel, bool> holds)
        => Eventually.TrueAsync(
            $"it is reported for revision {revision} that {what}",
            () => server.Reports.Any(report => report.Revision == revision && report.Models is { Count: 2 } both && both.All(holds)),
            TimeSpan.FromSeconds(60));

    private static WithdrawnRelease Withdrawn(Assignment release, bool keepServing = false)
        => new(release.Model, release.Version, release.Release.Digest(), keepServing);

    private static Task WithdrawAsync(
        TestServer server, long revision, IReadOnlyList<WithdrawnRelease> withdrawn, params IReadOnlyList<Assignment> assignments)
        => server.DesireAsync("dev-1", server.Fleet.Withdrawing("dev-1", revision, withdrawn, assignments));

    /// <summary>A device that serves release 2 and keeps release 1.</summary>
    private static async Task<(Assignment First, Assignment Second)> ServeTwoAsync(TestServer server, AgentProcess agent)
    {
        var (first, second) = (TestRelease.Assign(server, 1), TestRelease.Assign(server, 2));
        await agent.ServeAsync(first);
        await server.DesireAsync("dev-1", 2, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        return (first, second);
    }

    /// <summary>The model in the first report, past or to come, that answers a revision and in which it stands so.</summary>
    private static async Task<ReportedModel> ReportedAsync(TestServer server, string what, long revision, Func<ReportedModel, bool> holds)
        => await Eventually.ValueAsync(
            $"it is reported for revision {revision} that {what}",
            () => Task.FromResult(server.Reports.Where(report => report.Revision == revision).SelectMany(report => report.Models)
                .FirstOrDefault(one => one.Model == "vibration" && holds(one))), TimeSpan.FromSeconds(60));
}
