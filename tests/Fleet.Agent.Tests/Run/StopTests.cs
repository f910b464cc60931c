using System.Net;
using System.Net.Sockets;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Run;

/// <summary>Ctrl+C and SIGTERM, sent to the real program.</summary>
public sealed class StopTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(ProcessSignal.Interrupt)]
    [InlineData(ProcessSignal.Terminate)]
    public async Task Self_check_that_waits_for_a_silent_server_ends_in_order(ProcessSignal signal)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        using var silent = SilentServer.Start();
        IdentityFile.Write(agent.Data, IdentityFile.Read(agent.Data)! with { Server = silent.Address });

        await using var check = ChildProcess.Start(Programs.Agent, ["self-check", "--data", agent.Data.Root]);
        await silent.CalledAsync();
        ProcessSignals.Send(check.Id, signal);

        Assert.Equal(130, await check.WaitForExitAsync(Deadline));
        Assert.Equal("fleet-agent: stopped before it was done.", check.Lines[^1]);
        Assert.All(check.Lines.SkipLast(1), line => Assert.StartsWith("ok ", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Enrollment_that_waits_for_a_silent_server_ends_in_order_and_leaves_no_identity()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        using var silent = SilentServer.Start();

        await using var enroll = ChildProcess.Start(
            Programs.Agent, [
                "enroll", "--server", $"{silent.Address}", "--token", server.Token.Reveal(), "--id", "dev-1", "--data", agent.Data.Root,
            ]);
        await silent.CalledAsync();
        ProcessSignals.Send(enroll.Id, ProcessSignal.Interrupt);

        Assert.Equal(130, await enroll.WaitForExitAsync(Deadline));
        Assert.Equal("fleet-agent: stopped before it was done.", enroll.Output);
        Assert.False(File.Exists(agent.Data.Identity));
    }

    [Theory]
    [InlineData(ProcessSignal.Interrupt)]
    [InlineData(ProcessSignal.Terminate)]
    public async Task Agent_that_is_told_to_stop_says_goodbye_and_succeeds(ProcessSignal signal)
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        await agent.Process.WaitForLineAsync("Connected to", Deadline);
        ProcessSignals.Send(agent.Process.Id, signal);
        Assert.Equal(0, await agent.Process.WaitForExitAsync(Deadline));
        await Eventually.TrueAsync(
            "the device says that it leaves",
            () => server.Presence.Any(presence => !presence.Online),
            evidence: () => agent.Process.Output);
    }

    [Fact]
    public async Task Second_interrupt_ends_an_agent_that_takes_its_time()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await using var link = new TcpFaultProxy("127.0.0.1", server.MqttPort);
        IdentityFile.Write(agent.Data, IdentityFile.Read(agent.Data)! with { Mqtt = $"localhost:{link.Port}" });
        agent.Start();
        await agent.Process.WaitForLineAsync("Connected to", Deadline);
        // The goodbye waits for an answer that the link holds back.
        link.Delay = TimeSpan.FromMinutes(1);
        // Again and again: two that follow each other closely are one to the kernel.
        await Eventually.TrueAsync(
            "the agent ends", () => agent.Process.HasExited || !ProcessSignals.Send(agent.Process.Id, ProcessSignal.Interrupt), Deadline);
        Assert.Equal(130, await agent.Process.WaitForExitAsync(Deadline));
    }

    /// <summary>Takes connections and never says a word.</summary>
    private sealed class SilentServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private TcpClient? _caller;

        public Uri Address => new($"https://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

        public static SilentServer Start()
        {
            var server = new SilentServer();
            server._listener.Start();
            return server;
        }

        public async Task CalledAsync() => _caller = await _listener.AcceptTcpClientAsync().WaitAsync(Deadline);

        public void Dispose()
        {
            _caller?.Dispose();
            _listener.Dispose();
        }
    }
}
