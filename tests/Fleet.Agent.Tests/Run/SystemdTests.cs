using Fleet.Agent.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Run;

/// <summary>What the unit of <c>deploy/systemd</c> waits for: without it systemd kills the agent after a minute and a half.</summary>
public sealed class SystemdTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Unit_is_ready_once_the_agent_runs_and_the_journal_gets_levels()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await using var unit = SystemdStart.Of(Programs.Agent, "run", "--data", agent.Data.Root, "--set", "Inference:Port=0");
        Assert.Equal("READY=1", await unit.SaidAsync(Deadline));
        Assert.StartsWith(
            "<6>Link: Connected to ", await unit.Process.WaitForLineAsync("Connected to", Deadline), StringComparison.Ordinal);

        unit.Process.Terminate();
        Assert.Equal("STOPPING=1", await unit.SaidAsync(Deadline));
        Assert.Equal(0, await unit.Process.WaitForExitAsync(Deadline));
    }
}
