using Fleet.Agent.Inference;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Inference;

/// <summary>An inference host that dies, and a device on which something else is wrong too.</summary>
public sealed class HostFaultTests
{
    private const int Killed = 9;

    private static readonly InferenceOptions Quick = new()
    {
        HeartBeat = TimeSpan.FromMilliseconds(100),
        RestartDelay = TimeSpan.FromMilliseconds(10),
        MaximumRestartDelay = TimeSpan.FromMilliseconds(50),
    };

    /// <summary>As on a disk that a power cut left readable only.</summary>
    [Fact]
    public async Task Host_that_dies_beside_an_endpoints_file_that_cannot_be_deleted_comes_back()
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2));
        File.Delete(fixture.EndpointsFile);
        Directory.CreateDirectory(fixture.EndpointsFile);
        for (var death = 0; death < 2; death++)
        {
            var process = fixture.Host.ProcessId!.Value;
            HostFixture.Signal(process, Killed);
            await Eventually.TrueAsync("the death is noticed", () => fixture.Host.ProcessId != process);
            await fixture.ServesAsync();
        }
    }

    /// <summary>
    /// As where memory or processes run out. Found in review: nothing served any more, for good, while the report said that all did.
    /// </summary>
    [Fact]
    public async Task Host_that_cannot_be_started_for_a_while_serves_once_it_can_and_no_release_gives_way()
    {
        using var copy = new TemporaryFolder();
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server) { Executable = CopyTo(copy) };
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await agent.ServesAsync(1);
        var away = agent.Executable + ".away";
        File.Move(agent.Executable, away);
        await agent.KillHostsAsync();
        await Eventually.TrueAsync("it is tried again",
            () => agent.Process.Lines.Count(line => line.Contains("The inference host did not start", StringComparison.Ordinal)) > 1,
            evidence: () => agent.Process.Output);

        File.Move(away, agent.Executable);
        await agent.ServesAsync(1);
        Assert.DoesNotContain(server.Reports, report => report.Models.Any(model => model.Phase == DeploymentPhase.RolledBack));
    }

    [Fact]
    public async Task Model_that_came_last_gives_way_when_the_host_keeps_dying_and_one_that_was_there_before_only_if_it_goes_on()
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), model: "old");
        var old = fixture.Host.DiesRepeatedlyAsync("old", CancellationToken.None);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), version: 2, model: "new");
        var newest = fixture.Host.DiesRepeatedlyAsync("new", CancellationToken.None);
        await DieAsync(fixture, "old");
        Assert.StartsWith("The inference host died 3 times since new 2 ", await newest.WaitAsync(HostFixture.Deadline),
            StringComparison.Ordinal);
        // It has not left yet: what it goes on doing is not held against others.
        await DieAsync(fixture, "old");
        Assert.False(old.IsCompleted);

        var proven = HostFixture.Model(TestModels.Scale(fixture.Folder, 1), version: 1, model: "new");
        await fixture.Host.RestoreAsync([proven], CancellationToken.None);
        var restored = fixture.Host.DiesRepeatedlyAsync("new", CancellationToken.None);
        await DieAsync(fixture, "old");
        Assert.StartsWith("The inference host died 3 times since old 1 ", await old.WaitAsync(HostFixture.Deadline),
            StringComparison.Ordinal);
        Assert.False(restored.IsCompleted);
    }

    /// <summary>
    /// Found in review: a crash of one took the other out of service, which had no release before. After a restart the agent still knows.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Release_that_keeps_killing_the_host_takes_no_other_model_with_it(bool restart)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        var other = TestRelease.Assign(server, 1, model: "acoustics");
        await agent.EnrollAsync();
        // By name the other one comes first, then last.
        Assignment[] others = [other, TestRelease.Assign(server, 1, model: "wear")];
        await server.DesireAsync("dev-1", 1, [.. others, TestRelease.Assign(server, 1)]);
        agent.Start();
        foreach (var model in (string[])["acoustics", "vibration", "wear"]) await server.ReportedAsync(model, 1, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 2, [.. others, TestRelease.Assign(server, 2)]);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        if (restart)
        {
            await agent.StopAsync();
            agent.Start();
        }
        foreach (var model in others) await agent.ServesAsync(1, model.Model);
        await agent.KillHostAsync(2);

        var fallen = await server.ReportedAsync("vibration", 2, DeploymentPhase.RolledBack);
        Assert.Equal((DeploymentFailure.ActivationFailed, (int?)1), (fallen.Failure, fallen.ActiveVersion));
        await agent.ServesAsync(1);
        foreach (var model in others) await agent.ServesAsync(1, model.Model);
        Assert.All(server.Reports.Last().Models.Where(model => model.Model != "vibration"),
            model => Assert.Equal((DeploymentPhase.Active, (int?)1), (model.Phase, model.ActiveVersion)));
    }

    /// <summary>Found in review: nobody waited for its death while a newer one was on its way, which may take a day.</summary>
    [Fact]
    public async Task Release_that_keeps_killing_the_host_gives_way_while_a_newer_one_of_its_model_waits_for_its_window()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        var now = TimeOnly.FromDateTime(DateTime.Now);
        var third = TestRelease.Assign(server, 3);
        await server.DesireAsync("dev-1", 3, third with { Window = new(now.AddHours(11), now.AddHours(12)) });
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Holding);
        await agent.KillHostAsync(2);

        await agent.ServesAsync(1);
        await server.ReportedAsync("vibration", "release 3 waits again, and release 1 serves",
            model => model is { Version: 3, Phase: DeploymentPhase.Holding, ActiveVersion: 1 });
        await server.DesireAsync("dev-1", 4, third);
        await agent.ServesAsync(3);
        Assert.DoesNotContain(server.Reports, report => report.Models.Any(
            model => model is { Version: 3, Phase: DeploymentPhase.RolledBack }));
    }

    /// <summary>Kills the host until as many deaths have come as one that serves is given up for.</summary>
    private static async Task DieAsync(HostFixture fixture, string serving)
    {
        for (var death = 0; death < Quick.DeathsToGiveUp; death++)
        {
            await AllServeAsync(fixture, serving);
            var process = fixture.Host.ProcessId!.Value;
            HostFixture.Signal(process, Killed);
            await Eventually.TrueAsync("the death is noticed", () => fixture.Host.ProcessId != process);
        }
        await AllServeAsync(fixture, serving);
    }

    /// <summary>
    /// Waits until one serves and the others that are loaded again with it do too: a death while one loads is held against that one alone.
    /// </summary>
    private static async Task AllServeAsync(HostFixture fixture, string serving)
    {
        await fixture.ServesAsync(serving);
        // Nothing is retired while models load.
        await fixture.Host.RetireAsync("none", CancellationToken.None);
    }

    /// <summary>The agent's program as a file of its own, beside links to what it is made of.</summary>
    private static string CopyTo(TemporaryFolder copy)
    {
        var program = new FileInfo(Programs.Agent);
        foreach (var file in program.Directory!.EnumerateFileSystemInfos())
            if (file.Name != program.Name) File.CreateSymbolicLink(copy[file.Name], file.FullName);
        File.Copy(program.FullName, copy[program.Name]);
        return copy[program.Name];
    }
}
