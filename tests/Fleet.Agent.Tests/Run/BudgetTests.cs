using Fleet.Agent.Tests.Fixtures;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Run;

/// <summary>
/// What the agent may take of a device. <c>agent/README.md</c> has what was measured; whoever raises a budget says there what it buys.
/// </summary>
public sealed class BudgetTests
{
    /// <summary>The compiled program: 17.8 MB on x64, 18.3 MB on arm64.</summary>
    private const long ProgramBytes = 21_000_000;

    /// <summary>Idle and connected, compiled just in time as tests run it: 73 MiB, of which the compiled program needs half.</summary>
    private const long IdleBytes = 100L << 20;

    private static readonly string Compiled = Repository.PathOf(".artifacts", "emulation", "linux-arm64", "fleet-agent");

    public static bool IsCompiled => File.Exists(Compiled);

    [Fact(Skip = "The agent is not compiled ahead of time here; deploy/emulation.sh does so.", SkipUnless = nameof(IsCompiled))]
    public void Compiled_program_stays_within_its_size() => Assert.InRange(new FileInfo(Compiled).Length, 1, ProgramBytes);

    [Fact]
    public async Task Agent_that_is_idle_and_connected_stays_within_its_memory()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        await agent.Process.WaitForLineAsync("Connected to", TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync("the device has reported", () => !server.Reports.IsEmpty);
        Assert.InRange(ProcessMemory.Resident(agent.Process.Id)!.Value, 1, IdleBytes);
    }
}
