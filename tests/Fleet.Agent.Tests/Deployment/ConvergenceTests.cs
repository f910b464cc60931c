using System.Security.Cryptography;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>The whole agent as a process, from enrollment to serving.</summary>
public sealed class ConvergenceTests
{
    [Fact]
    public async Task Enrolled_device_serves_what_is_desired_and_reports_every_phase()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start();

        var active = await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        Assert.Equal((1, "x64-fp32", 1.0), (active.ActiveVersion, active.ActiveVariant, active.Measured?.Accuracy));
        Assert.NotNull(active.Measured?.Latency);
        await agent.ServesAsync(1);
        var phases = server.Reports.Where(report => report.Revision == 1).SelectMany(report => report.Models)
            .Select(model => model.Phase).Distinct();
        Assert.Contains(DeploymentPhase.Validating, phases);
        Assert.Equal(phases.Order(), phases);
    }

    [Fact]
    public async Task Newer_release_replaces_the_older_which_is_kept_and_gone_back_to()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var first = TestRelease.Assign(server, 1);
        await agent.ServeAsync(first);
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        var second = await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal((2, 1), (second.ActiveVersion, second.PreviousVersion));
        await agent.ServesAsync(2);

        var requests = server.Requests.Count;
        await server.DesireAsync("dev-1", 3, first with { Rollback = true });
        await server.ReportedAsync(
            "vibration", "release 1 serves again", model => model is { Version: 1, Phase: DeploymentPhase.Active, PreviousVersion: 2 });
        await agent.ServesAsync(1);
        Assert.Equal(requests, server.Requests.Count);
    }

    /// <summary>Row R7: 1 is good, 2 and 3 are bad, and the device keeps only 3 and 2.</summary>
    [Fact]
    public async Task Rollback_to_a_release_that_is_no_longer_kept_fetches_and_measures_it_again()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var first = TestRelease.Assign(server, 1);
        await agent.ServeAsync(first);
        for (var version = 2; version <= 3; version++)
        {
            await server.DesireAsync("dev-1", version, TestRelease.Assign(server, version));
            await server.ReportedAsync("vibration", version, DeploymentPhase.Active);
        }
        await server.DesireAsync("dev-1", 4, first);
        Assert.Equal(
            DeploymentFailure.VersionTooOld, (await server.ReportedAsync("vibration", 1, DeploymentPhase.RolledBack)).Failure);

        var requests = server.Requests.Count;
        await server.DesireAsync("dev-1", 5, first with { Rollback = true });
        await server.ReportedAsync(
            "vibration", "release 1 serves again", model => model is { Version: 1, Phase: DeploymentPhase.Active, PreviousVersion: 3 });
        await agent.ServesAsync(1);
        Assert.True(server.Requests.Count > requests);
        Assert.Contains(server.Reports, report => report is { Revision: 5, Models: [{ Phase: DeploymentPhase.Validating }] });
    }

    [Fact]
    public async Task Variant_that_misses_its_gate_never_serves_and_is_not_tried_twice_for_one_revision()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));

        var wrong = TestRelease.Assign(server, 2, factor: -1);
        await server.DesireAsync("dev-1", 2, wrong);
        var failed = await server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.GateMissed, (int?)1), (failed.Failure, failed.ActiveVersion));
        Assert.Contains("Accuracy", failed.Detail, StringComparison.Ordinal);
        await agent.ServesAsync(1);

        var begun = Begun();
        await server.DesireAsync("dev-1", 2, wrong);
        await server.DesireAsync("dev-1", 3, wrong);
        await server.ReportedAsync("vibration", "revision 3 failed as well",
            _ => server.Reports.Any(
                report => report.Revision == 3 && report.Models.Any(model => model.Phase == DeploymentPhase.RolledBack)));
        Assert.DoesNotContain(server.Reports.Skip(begun),
            report => report.Revision == 2 && report.Models.Any(model => model.Phase == DeploymentPhase.Validating));
        Assert.Contains(server.Reports,
            report => report.Revision == 3 && report.Models.Any(model => model.Phase == DeploymentPhase.Validating));

        int Begun() => server.Reports.Count;
    }

    [Theory]
    [InlineData("a byte of the manifest was changed", DeploymentFailure.SignatureInvalid)]
    [InlineData("the key is unknown", DeploymentFailure.SignatureInvalid)]
    [InlineData("the version is older", DeploymentFailure.VersionTooOld)]
    [InlineData("a rollback names a release that has expired and was never kept", DeploymentFailure.ReleaseExpired)]
    [InlineData("a rollback names a release of an unknown key", DeploymentFailure.SignatureInvalid)]
    [InlineData("the release has expired", DeploymentFailure.ReleaseExpired)]
    [InlineData("no variant fits the profile", DeploymentFailure.ProfileMismatch)]
    public async Task Release_is_refused_before_a_byte_is_fetched_when(string what, DeploymentFailure failure)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 5));
        agent.Start();
        await server.ReportedAsync("vibration", 5, DeploymentPhase.Active);
        var requests = server.Requests.Count;

        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var manifest = TestRelease.Manifest(server, 6, "vibration", TestRelease.Variant(server, TestRelease.Model(6)));
        var bad = what switch
        {
            "a byte of the manifest was changed" => Changed(TestRelease.Assign(server, manifest)),
            "the key is unknown" => TestRelease.Assign(server, manifest, key: foreign),
            "the version is older" => TestRelease.Assign(server, 4),
            "a rollback names a release that has expired and was never kept" => TestRelease.Assign(
                server, manifest with { Version = 4, ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) }, rollback: true),
            "a rollback names a release of an unknown key"
                => TestRelease.Assign(server, manifest with { Version = 4 }, rollback: true, key: foreign),
            "the release has expired" => TestRelease.Assign(server, manifest with { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) }),
            _ => TestRelease.Assign(server,
                TestRelease.Manifest(server, 6, "vibration", TestRelease.Variant(server, TestRelease.Model(6), "jetson-fp16", "jetson"))),
        };
        await server.DesireAsync("dev-1", 2, bad);

        var refused = await server.ReportedAsync("vibration", bad.Version, DeploymentPhase.RolledBack);
        Assert.Equal((failure, (int?)5), (refused.Failure, refused.ActiveVersion));
        Assert.NotEmpty(refused.Detail);
        Assert.Equal(requests, server.Requests.Count);
        await agent.ServesAsync(5);

        static Assignment Changed(Assignment assignment)
        {
            var payload = (byte[])assignment.Release.Payload.Clone();
            payload[payload.Length / 2] ^= 1;
            return assignment with { Release = assignment.Release with { Payload = payload } };
        }
    }

    [Fact]
    public async Task Device_runs_several_models_and_takes_one_that_is_no_longer_desired_out_of_service()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (vibration, speech) = (TestRelease.Assign(server, 1, 1), TestRelease.Assign(server, 3, 3, "speech"));
        await server.DesireAsync("dev-1", 1, vibration, speech);
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await server.ReportedAsync("speech", 3, DeploymentPhase.Active);
        await agent.ServesAsync(1);
        await agent.ServesAsync(3, "speech");

        await server.DesireAsync("dev-1", 2, speech);
        await TestKit.Eventually.TrueAsync(
            "only speech is reported", () => server.Reports.LastOrDefault() is { Revision: 2, Models: [{ Model: "speech" }] });
        Assert.Null(await agent.ServedFactorAsync());
        await agent.ServesAsync(3, "speech");
        Assert.Single(Directory.EnumerateFiles(agent.Data.Shelf));
    }

    [Fact]
    public async Task Order_that_arrives_during_a_download_is_acted_on_before_the_download_ends()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (served, slow) = (TestRelease.Assign(server, 1), TestRelease.Assign(server, 1, model: "slow", factor: 7));
        await server.DesireAsync("dev-1", 1, served);
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        var hangs = true;
        server.Misbehave = async (context, _, _) =>
        {
            if (!Volatile.Read(ref hangs)) return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await server.DesireAsync("dev-1", 2, served, slow);
        await server.ReportedAsync("slow", 1, DeploymentPhase.Downloading);

        // The same is wanted of the model that downloads, and the other one is withdrawn.
        await server.DesireAsync("dev-1", 3, slow);
        await ReportedAsync("vibration is gone",
            report => report is { Revision: 3, Models: [{ Model: "slow", Phase: DeploymentPhase.Downloading }] });
        await server.DesireAsync("dev-1", 4);
        await ReportedAsync("everything is gone", report => report is { Revision: 4, Models: [] });

        await server.DesireAsync("dev-1", 5, slow);
        Volatile.Write(ref hangs, false);
        await server.ReportedAsync("slow", 1, DeploymentPhase.Active);

        Task ReportedAsync(string what, Func<ReportedState, bool> holds)
            => TestKit.Eventually.TrueAsync($"it is reported that {what}", () => server.Reports.Any(holds), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Model_is_deployed_while_the_download_of_another_hangs()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (slow, quick) = (TestRelease.Assign(server, 1, model: "slow", factor: 7), TestRelease.Assign(server, 1));
        var path = $"/artifacts/{Convert.ToHexStringLower(SHA256.HashData(TestRelease.Model(7)))}";
        var (asked, hangs) = (false, true);
        server.Misbehave = async (context, _, _) =>
        {
            if (context.Request.Path != path || !Volatile.Read(ref hangs)) return false;
            Volatile.Write(ref asked, true);
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await server.DesireAsync("dev-1", 1, slow);
        agent.Start();
        await TestKit.Eventually.TrueAsync("the download hangs", () => Volatile.Read(ref asked), TimeSpan.FromSeconds(60));

        await server.DesireAsync("dev-1", 2, slow, quick);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await agent.ServesAsync(1);
        Assert.Equal(DeploymentPhase.Downloading, server.Reports.Last().Models.Single(model => model.Model == "slow").Phase);

        // Wanted all along, it goes on where it was.
        Volatile.Write(ref hangs, false);
        await agent.KillAsync();
        agent.Start();
        await server.ReportedAsync("slow", 1, DeploymentPhase.Active);
        await agent.ServesAsync(7, "slow");
    }

    [Fact]
    public async Task Model_is_deployed_and_another_withdrawn_while_a_release_is_watched()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var (speech, vibration, motor) = (
            TestRelease.Assign(server, 3, 3, "speech"), TestRelease.Assign(server, 1), TestRelease.Assign(server, 1, 5, "motor"));
        await server.DesireAsync("dev-1", 1, speech, vibration);
        agent.Start("Deployment:WatchPeriod=1.00:00:00");
        await server.ReportedAsync("speech", 3, DeploymentPhase.Watching);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Watching);

        await server.DesireAsync("dev-1", 2, vibration, motor);
        await server.ReportedAsync("motor", 1, DeploymentPhase.Watching);
        await agent.ServesAsync(5, "motor");
        Assert.Null(await agent.ServedFactorAsync("speech"));
        var last = server.Reports.Last();
        Assert.Equal(
            [("motor", DeploymentPhase.Watching), ("vibration", DeploymentPhase.Watching)],
            last.Models.Select(model => (model.Model, model.Phase)).Order());
        Assert.Equal(2, last.Revision);
    }

    [Fact]
    public async Task Of_two_variants_of_the_profile_the_one_that_measures_better_here_serves()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var manifest = TestRelease.Manifest(
            server, 1, "vibration",
            TestRelease.Variant(server, TestRelease.Model(-1), "x64-wrong", gate: new ValidationGate()),
            TestRelease.Variant(server, TestRelease.Model(2), "x64-right", gate: new ValidationGate()));
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, manifest));
        agent.Start();
        Assert.Equal("x64-right", (await server.ReportedAsync("vibration", 1, DeploymentPhase.Active)).ActiveVariant);
        await agent.ServesAsync(2);
    }
}
