using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

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
