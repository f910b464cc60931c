using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.TestKit;
using MQTTnet.Protocol;

namespace Fleet.Agent.Tests.Link;

/// <summary>The agent as a process behind a network that breaks.</summary>
public sealed class LinkTests
{
    private const string FastTelemetry = "Telemetry:Interval=00:00:00.2";

    [Fact]
    public async Task Device_that_connects_after_the_publish_still_converges()
    {
        await using var server = await TestServer.StartAsync();
        await using var proxy = new TcpFaultProxy("127.0.0.1", server.MqttPort) { Refuses = true };
        await using var agent = await StartAsync(server, proxy);
        await agent.Process.WaitForLineAsync("No connection to", Eventually.DefaultDeadline);
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        proxy.Refuses = false;
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        Assert.All(server.Connections, connection => Assert.False(connection.CleanStart));
    }

    [Fact]
    public async Task Broken_connection_is_noticed_by_the_will_and_made_again_with_the_whole_state()
    {
        await using var server = await TestServer.StartAsync();
        await using var proxy = new TcpFaultProxy("127.0.0.1", server.MqttPort);
        await using var agent = await StartAsync(server, proxy);
        await Eventually.TrueAsync("the device is present", () => server.Presence.Any(presence => presence.Online));
        var reports = server.Reports.Count;
        proxy.Cut();
        await Eventually.TrueAsync("the will said that it is gone", () => server.Presence.Any(presence => !presence.Online));
        await Eventually.TrueAsync("the device is back", () => server.Presence.Count(presence => presence.Online) == 2);
        await Eventually.TrueAsync("it has said what it has", () => server.Reports.Count > reports);
    }

    [Fact]
    public async Task Telemetry_of_an_outage_arrives_once_the_server_is_back_also_after_a_kill_in_between()
    {
        await using var server = await TestServer.StartAsync();
        await using var proxy = new TcpFaultProxy("127.0.0.1", server.MqttPort);
        await using var agent = await StartAsync(server, proxy, FastTelemetry);
        await Eventually.TrueAsync("telemetry arrives", () => server.Telemetry.Count > 2);
        proxy.Refuses = true;
        proxy.Cut();
        await Eventually.TrueAsync("batches wait on disk", () => Directory.EnumerateFiles(agent.Data.Outbox, "*.json").Count() > 5);
        await agent.KillAsync();
        var waiting = Directory.EnumerateFiles(agent.Data.Outbox, "*.json")
            .Select(path => long.Parse(Path.GetFileNameWithoutExtension(path))).ToArray();
        proxy.Refuses = false;
        agent.Start(FastTelemetry);

        await Eventually.TrueAsync(
            "everything that waited has arrived", () => waiting.All(sequence => server.Telemetry.Any(batch => batch.Sequence == sequence)));
        await Eventually.TrueAsync("new batches follow", () => server.Telemetry.Any(batch => batch.Sequence > waiting.Max() + 1));
        await Eventually.TrueAsync(
            "the outbox is empty", () => waiting.All(sequence => !File.Exists(Path.Combine(agent.Data.Outbox, $"{sequence:D19}.json"))));
        // A batch that was on its way when the connection broke may arrive twice, with the same content; no number means two batches.
        Assert.All(server.Telemetry.GroupBy(batch => batch.Sequence),
            same => Assert.Single(same.Select(batch => (batch.From, batch.To)).Distinct()));
    }

    /// <summary>Found in review: the agent looked for them without pause, and sent no telemetry any more.</summary>
    [Fact]
    public async Task Telemetry_that_somebody_deleted_to_make_space_does_not_hold_up_what_follows()
    {
        await using var server = await TestServer.StartAsync();
        await using var proxy = new TcpFaultProxy("127.0.0.1", server.MqttPort) { Refuses = true };
        await using var agent = await StartAsync(server, proxy, FastTelemetry, "Link:PackSize=2", "Link:InFlight=1");
        await Eventually.TrueAsync("batches wait on disk", () => Directory.EnumerateFiles(agent.Data.Outbox, "*.json").Count() > 5);
        foreach (var path in Directory.EnumerateFiles(agent.Data.Outbox, "*.json")) File.Delete(path);
        proxy.Refuses = false;
        await Eventually.TrueAsync("what was counted since arrives", () => server.Telemetry.Count > 5);
    }

    [Fact]
    public async Task What_the_server_does_not_acknowledge_as_stored_is_sent_again()
    {
        await using var server = await TestServer.StartAsync();
        var refusals = 0;
        server.Acknowledge = channel => channel == "telemetry" && Interlocked.Increment(ref refusals) <= 3
            ? MqttPubAckReasonCode.UnspecifiedError
            : MqttPubAckReasonCode.Success;
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start(FastTelemetry);
        await Eventually.TrueAsync("the first batch arrived in the end", () => server.Telemetry.Any(batch => batch.Sequence == 1));
        Assert.True(refusals > 3);
    }

    [Fact]
    public async Task Batch_the_server_can_never_read_does_not_hold_up_the_others()
    {
        await using var server = await TestServer.StartAsync();
        var first = true;
        server.Acknowledge = channel =>
        {
            if (channel != "telemetry" || !first) return MqttPubAckReasonCode.Success;
            first = false;
            return MqttPubAckReasonCode.PayloadFormatInvalid;
        };
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start(FastTelemetry, "Link:PackSize=1");
        await Eventually.TrueAsync("later batches arrive", () => server.Telemetry.Any(batch => batch.Sequence > 1));
        Assert.DoesNotContain(server.Telemetry, batch => batch.Sequence == 1);
    }

    [Fact]
    public async Task Telemetry_that_the_server_stores_no_more_of_waits_while_the_connection_and_reports_go_on()
    {
        await using var server = await TestServer.StartAsync();
        var refused = 0;
        server.Acknowledge = channel => channel != "telemetry" || Interlocked.Increment(ref refused) == 0
            ? MqttPubAckReasonCode.Success
            : MqttPubAckReasonCode.QuotaExceeded;
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start(FastTelemetry, "Link:PackSize=1", "Link:InFlight=1");
        await agent.Process.WaitForLineAsync("stores no more telemetry", Eventually.DefaultDeadline);
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        // One message was tried, and no connection was made for another try.
        Assert.Equal(1, refused);
        Assert.Single(server.Connections);
        Assert.True(Directory.EnumerateFiles(agent.Data.Outbox).Skip(1).Any());
    }

    [Fact]
    public async Task Connection_in_which_the_server_stores_nothing_is_made_again_later_each_time()
    {
        await using var server = await TestServer.StartAsync();
        server.Acknowledge = _ => MqttPubAckReasonCode.UnspecifiedError;
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start("Link:ReconnectDelay=00:00:00.01");
        // The first wait is at most a hundredth of a second, and doubles.
        await agent.Process.WaitForLineAsync(
            "a wait of several times the first", line => line.Contains("did not store", StringComparison.Ordinal)
                && WaitOf(line) is { } wait && wait > TimeSpan.FromMilliseconds(40), Eventually.DefaultDeadline);

        static TimeSpan? WaitOf(string line)
            => line.Split("Trying again in ") is [_, var rest] && TimeSpan.TryParse(rest.TrimEnd('.'), out var wait) ? wait : null;
    }

    [Fact]
    public async Task Broker_of_another_authority_is_not_talked_to()
    {
        await using var server = await TestServer.StartAsync();
        await using var impostor = await TestServer.StartAsync();
        server.Mqtt = impostor.Mqtt;
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start();
        await agent.Process.WaitForLineAsync("No connection to", Eventually.DefaultDeadline);
        Assert.Empty(impostor.Connections);
        Assert.Empty(impostor.Presence);
    }

    [Fact]
    public async Task Malformed_desired_state_is_logged_and_the_last_good_one_serves_on()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.ServeAsync(TestRelease.Assign(server, 1));
        await server.SendAsync("dev-1", "{\"revision\":2,\"assignments\":[{\"model\":"u8.ToArray());
        await agent.Process.WaitForLineAsync("is refused and the last good one stays", Eventually.DefaultDeadline);
        await agent.ServesAsync(1);
    }

    [Fact]
    public async Task Telemetry_tells_what_was_served_and_how_the_machine_is()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start(FastTelemetry);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        for (var i = 0; i < 5; i++) await agent.ServesAsync(1);
        await Eventually.TrueAsync(
            "five inferences are counted", () => server.Telemetry.Sum(batch => batch.Models.Sum(model => model.Count)) == 5);
        var served = server.Telemetry.SelectMany(batch => batch.Models).First(model => model.Count > 0);
        Assert.Equal(("vibration", 1, "x64-fp32"), (served.Model, served.Version, served.Variant));
        Assert.Equal(5, server.Telemetry.SelectMany(batch => batch.Models).Sum(model => model.Latency.Total()));
        var resources = server.Telemetry.Last().Resources!;
        Assert.True(resources is { MemoryUsedBytes: > 0, AgentMemoryBytes: > 10_000_000, DiskFreeBytes: > 0, CpuUsage: >= 0 and <= 1 });
    }

    private static async Task<AgentProcess> StartAsync(TestServer server, TcpFaultProxy proxy, params string[] settings)
    {
        server.Mqtt = $"localhost:{proxy.Port}";
        var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        agent.Start(settings);
        return agent;
    }
}
