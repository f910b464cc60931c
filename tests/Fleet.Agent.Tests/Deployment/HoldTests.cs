using Fleet.Agent.Deployment;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>A release that is ready waits for its window and for the device's own sign; what served before serves until then.</summary>
public sealed class HoldTests
{
    private static readonly string[] Quick = ["Deployment:SignInterval=00:00:00.1"];

    [Fact]
    public async Task Release_is_fetched_and_measured_at_once_and_switched_to_when_the_device_gives_its_sign()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        using var folder = new TemporaryFolder();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start([.. Quick, $"Deployment:ActivationSign=file:{folder["stopped"]}"]);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active); // the first serves at once: it interrupts nobody

        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2));
        var held = await server.ReportedAsync("vibration", 2, DeploymentPhase.Holding);
        Assert.Equal(1, held.ActiveVersion);
        Assert.NotNull(held.Measured);
        await agent.ServesAsync(1);
        await File.WriteAllTextAsync(folder["stopped"], "");
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await agent.ServesAsync(2);
    }

    [Fact]
    public async Task Device_that_waits_for_its_window_takes_a_newer_order_and_goes_back_without_waiting()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        var first = TestRelease.Assign(server, 1);
        await server.DesireAsync("dev-1", 1, first);
        agent.Start(Quick);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        var now = TimeOnly.FromDateTime(DateTime.Now);
        var closed = new ActivationWindow(now.AddHours(11), now.AddHours(12));
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2) with { Window = closed });
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Holding);
        await server.DesireAsync(
            "dev-1", 3, TestRelease.Assign(server, 3) with { Window = new ActivationWindow(now.AddHours(-1), now.AddHours(1)) });
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 4, first with { Rollback = true, Window = closed });
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await agent.ServesAsync(1);
    }

    /// <summary>Found in review: a rollout that superseded another of the same release kept to the other's window, or to none.</summary>
    [Fact]
    public async Task Newer_order_of_the_same_release_says_when_a_device_that_is_on_its_way_switches()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start(Quick);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        var now = TimeOnly.FromDateTime(DateTime.Now);
        var closed = new ActivationWindow(now.AddHours(11), now.AddHours(12));
        var goOn = new TaskCompletionSource();
        server.Misbehave = async (context, _, _) =>
        {
            await goOn.Task.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return context.RequestAborted.IsCancellationRequested;
        };
        var second = TestRelease.Assign(server, 2);
        await server.DesireAsync("dev-1", 2, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Downloading);
        await server.DesireAsync("dev-1", 3, second with { Window = closed });
        await Eventually.TrueAsync("the window is known", () => server.Reports.Last().Revision == 3);
        goOn.SetResult();
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Holding);
        await agent.Process.WaitForLineAsync($"waits for {closed}", Eventually.DefaultDeadline);
        await agent.ServesAsync(1);
        await server.DesireAsync("dev-1", 4, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        Assert.DoesNotContain(server.Reports.TakeWhile(report => report.Revision < 4),
            report => report.Models.Any(model => model.ActiveVersion == 2));
    }

    /// <summary>Found in review: a device whose zone was set after its agent had started kept to windows in UTC.</summary>
    [Fact]
    public async Task Time_zone_that_is_set_while_the_agent_runs_counts_for_its_window()
    {
        using var folder = new TemporaryFolder();
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server) { Environment = new Dictionary<string, string?> { ["TZ"] = folder["zone"] } };
        await File.WriteAllBytesAsync(folder["zone"], Zone(TimeSpan.Zero));
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start(Quick);
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        var utc = TimeOnly.FromDateTime(DateTime.UtcNow);
        var closed = new ActivationWindow(utc.AddHours(10), utc.AddHours(12));
        await server.DesireAsync("dev-1", 2, TestRelease.Assign(server, 2) with { Window = closed });
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Holding);
        await agent.ServesAsync(1);

        await File.WriteAllBytesAsync(folder["zone.new"], Zone(TimeSpan.FromHours(11)));
        File.Move(folder["zone.new"], folder["zone"], overwrite: true);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
    }

    /// <summary>A file as in /usr/share/zoneinfo: one offset and no changes (RFC 9636).</summary>
    private static byte[] Zone(TimeSpan offset)
    {
        var zone = new byte[44 + 6 + 4];
        "TZif"u8.CopyTo(zone);
        zone[39] = 1; // one kind of local time
        zone[43] = 4; // and the bytes of its name
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(zone.AsSpan(44), (int)offset.TotalSeconds);
        "XST\0"u8.CopyTo(zone.AsSpan(50));
        return zone;
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("file:FOLDER/there", true)]
    [InlineData("file:FOLDER/gone", false)]
    [InlineData("value:FOLDER/there=1", true)]
    [InlineData("value:FOLDER/there=0", false)]
    [InlineData("value:FOLDER/gone=1", false)]
    [InlineData("command:/bin/true", true)]
    [InlineData("command:/bin/false", false)]
    [InlineData("command:test -f FOLDER/there", true)]
    [InlineData("command:/no/such/program", false)]
    public async Task Sign_is_given(string sign, bool given)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["there"], "1\n");
        sign = sign.Replace("FOLDER", folder.Path, StringComparison.Ordinal);
        Assert.Null(ActivationSign.ProblemOf(sign));
        var read = new ActivationSign(
            new DeploymentOptions { ActivationSign = sign }, TimeProvider.System, NullLogger<ActivationSign>.Instance);
        Assert.Equal(given, await read.IsGivenAsync(default));
    }

    [Theory]
    [InlineData("there")]
    [InlineData("file:")]
    [InlineData("value:/sys/class/gpio/gpio17/value")]
    [InlineData("gpio:17=1")]
    public void Sign_that_is_not_understood_is_refused_with_what_is(string sign)
        => Assert.Contains("command:PROGRAM", ActivationSign.ProblemOf(sign), StringComparison.Ordinal);
}
