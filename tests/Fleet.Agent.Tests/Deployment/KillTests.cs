using Fleet.Agent.Deployment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>kill -9 of the real agent in each phase, and what the next start makes of it.</summary>
public sealed class KillTests
{
    [Theory]
    [InlineData(DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Downloading)]
    [InlineData(DeploymentPhase.Verifying)]
    [InlineData(DeploymentPhase.Validating)]
    [InlineData(DeploymentPhase.Activating)]
    [InlineData(DeploymentPhase.Watching)]
    public async Task Agent_killed_in_a_phase_serves_the_release_before_and_then_the_new_one(DeploymentPhase phase)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start("Deployment:WatchPeriod=00:01:00");
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Watching);
        await agent.KillAsync();
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        // Long enough to be met in every phase: a download that hangs, a validation of a minute, a watch of a minute.
        var held = phase is DeploymentPhase.Downloading;
        if (held) server.Misbehave = HangAsync;
        var model = phase is DeploymentPhase.Validating ? TestRelease.SlowModel(40) : TestRelease.Model(2);
        await agent.KillAsync();
        agent.Start("Deployment:WatchPeriod=00:01:00");
        await server.DesireAsync(
            "dev-1", 2, TestRelease.Assign(server, TestRelease.Manifest(server, 2, "vibration", TestRelease.Variant(server, model))));
        await server.ReportedAsync("vibration", 2, phase);
        await agent.KillAsync();
        var journal = new Journals(agent.Data, NullLogger<Journals>.Instance).Of("vibration");
        Assert.Equal((2, 1), (journal.Last!.Version, journal.Active!.Version));
        Assert.True(journal.Last.Phase >= phase && !Lifecycle.IsFinal(journal.Last.Phase), $"killed in {journal.Last.Phase}");

        // Without a server: what served before serves again, by what is on the disk alone.
        server.Misbehave = HangAsync;
        if (phase is DeploymentPhase.Downloading)
        {
            agent.Start("Deployment:WatchPeriod=00:01:00");
            await agent.ServesAsync(1);
            await agent.KillAsync();
        }
        server.Misbehave = null;
        while (server.Reports.TryDequeue(out _)) { }
        agent.Start("Deployment:WatchPeriod=00:00:00.2");
        var factor = phase is DeploymentPhase.Validating ? 1 : 2;
        var active = await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal((2, 1), (active.ActiveVersion, active.PreviousVersion));
        await agent.ServesAsync(factor);
    }

    private static ModelJournal JournalOf(AgentProcess agent)
        => new Journals(agent.Data, NullLogger<Journals>.Instance).Of("vibration");

    private static async Task<bool> HangAsync(Microsoft.AspNetCore.Http.HttpContext context, byte[] content, long from)
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }

    [Fact]
    public async Task Download_goes_on_after_a_kill_where_it_was_and_no_byte_is_fetched_twice()
    {
        const int length = 4_000_000;
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        // A model with a large constant that nothing uses: a real file of four megabytes.
        var model = new Inference.OnnxFile()
            .Input("x", Inference.OnnxType.Float, -1, 3).Output("y", Inference.OnnxType.Float, -1, 3)
            .Constant<float>("factor", Inference.OnnxType.Float, [2], 1)
            .Constant<float>("ballast", Inference.OnnxType.Float, new float[length / 4], length / 4)
            .Node("Mul", ["x", "factor"], ["y"]);
        using var folder = new TemporaryFolder();
        var variant = TestRelease.Variant(server, await File.ReadAllBytesAsync(model.Save(folder["m.onnx"])));
        const int half = length / 2;
        server.Misbehave = async (context, content, from) =>
        {
            if (content.Length < length) return false;
            context.Response.ContentLength = content.Length;
            await context.Response.Body.WriteAsync(content.AsMemory(0, half));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, TestRelease.Manifest(server, 1, "vibration", variant)));
        agent.Start();
        var staging = Path.Combine(agent.Data.Staging, variant.Artifact.Sha256);
        await Eventually.TrueAsync("half of it is on the disk", () => File.Exists(staging) && new FileInfo(staging).Length == half);
        await agent.KillAsync();
        server.Misbehave = null;
        agent.Start();

        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await agent.ServesAsync(2);
        Assert.Equal([0, half], server.Requests.Where(request => request.Digest == variant.Artifact.Sha256)
            .Select(request => request.From));
    }

    [Fact]
    public async Task Active_release_serves_again_without_any_network()
    {
        var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        await server.DisposeAsync();
        agent.Start();
        await agent.ServesAsync(1);
    }

    [Fact]
    public async Task Newer_release_supersedes_one_whose_download_hangs()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var hangs = true;
        server.Misbehave = async (context, _, _) =>
        {
            if (!hangs) return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start();
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Downloading);
        await Eventually.TrueAsync("the download hangs", () => !server.Requests.IsEmpty);
        hangs = false;
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await agent.ServesAsync(2);
        Assert.DoesNotContain(server.Reports,
            report => report.Models.Any(model => model is { Version: 1, Phase: DeploymentPhase.RolledBack }));
    }

    [Fact]
    public async Task Newer_release_that_supersedes_one_being_watched_and_then_fails_leaves_the_proven_one_serving()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start("Deployment:WatchPeriod=00:00:05");
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Watching);
        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 3, factor: -1));
        var failed = await server.ReportedAsync("vibration", 3, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.GateMissed, (int?)1), (failed.Failure, failed.ActiveVersion));
        await agent.ServesAsync(1);
    }

    [Fact]
    public async Task Host_that_is_killed_again_and_again_while_a_release_is_watched_brings_the_one_before_back()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await WatchSecondAsync(server, agent);
        await agent.KillHostAsync(2);
        var given = await server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.ActivationFailed, (int?)1), (given.Failure, given.ActiveVersion));
        await agent.ServesAsync(1);
    }

    [Fact]
    public async Task Order_that_comes_while_the_release_before_is_restored_does_not_leave_the_failed_one_serving()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await WatchSecondAsync(server, agent);
        await agent.KillHostAsync(2);
        await Eventually.TrueAsync("release 2 has failed, and release 1 is about to be restored",
            () => JournalOf(agent).Last!.Phase == DeploymentPhase.RolledBack, TimeSpan.FromSeconds(60));
        server.Misbehave = HangAsync;
        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 3));
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Downloading);
        await agent.ServesAsync(1);
        Assert.Equal(1, JournalOf(agent).Active!.Version);
    }

    /// <summary>A device that is restarted for other reasons, three times within a watch, had its release given up.</summary>
    [Fact]
    public async Task Agent_that_is_stopped_in_order_again_and_again_holds_it_against_no_release()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        agent.Start("Deployment:WatchPeriod=00:02:00");
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        for (var stop = 0; stop < 3; stop++)
        {
            await Eventually.TrueAsync("release 2 is watched",
                () => JournalOf(agent).Last is { Version: 2, Phase: DeploymentPhase.Watching }, TimeSpan.FromSeconds(60));
            await agent.StopAsync();
            Assert.Equal((DeploymentPhase.Preflight, 0), (JournalOf(agent).Last!.Phase, JournalOf(agent).Last!.Interruptions));
            agent.Start(stop < 2 ? "Deployment:WatchPeriod=00:02:00" : "Deployment:WatchPeriod=00:00:00.2");
        }
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.Equal(0, JournalOf(agent).Last!.Interruptions);
    }

    /// <summary>Another program took the port while the agent was away: the release was given up, and the one before it too.</summary>
    [Fact]
    public async Task Agent_whose_port_is_taken_serves_once_it_is_free_and_no_release_gives_way()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        using (var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0))
        {
            other.Start();
            agent.Start($"Inference:Port={((System.Net.IPEndPoint)other.LocalEndpoint).Port}");
            await Eventually.TrueAsync("it says that nothing is served, and what helps",
                () => server.Reports.Any(report => report.Trust!.Detail.Contains("--inference-port", StringComparison.Ordinal)),
                TimeSpan.FromSeconds(60), () => agent.Process.Output);
        }
        await agent.ServesAsync(1);
        Assert.DoesNotContain(server.Reports, report => report.Models.Any(model => model.Phase == DeploymentPhase.RolledBack));
        await Eventually.TrueAsync("nothing is wrong any more", () => server.Reports.Last().Trust!.Fault == OrderFault.None);
    }

    [Fact]
    public async Task Artifact_lost_from_the_disk_is_fetched_anew_at_start()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        foreach (var path in Directory.EnumerateFiles(agent.Data.Shelf)) File.Delete(path);
        agent.Start();
        await agent.ServesAsync(1);
        await Eventually.TrueAsync("only what serves is kept", () => Directory.EnumerateFiles(agent.Data.Shelf).Count() == 1);
    }

    /// <summary>Release 1 serves, and release 2 is watched for two minutes after it.</summary>
    private static async Task WatchSecondAsync(TestServer server, AgentProcess agent)
    {
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.KillAsync();
        agent.Start("Deployment:WatchPeriod=00:02:00");
        await agent.ServesAsync(1);
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Watching);
    }
}
