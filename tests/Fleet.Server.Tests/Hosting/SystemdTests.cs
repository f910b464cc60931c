using Fleet.TestKit;

namespace Fleet.Server.Tests.Hosting;

/// <summary>What the unit of <c>deploy/systemd</c> waits for: without it systemd kills the server after a minute and a half.</summary>
public sealed class SystemdTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Unit_is_ready_once_the_server_listens_and_the_journal_gets_levels()
    {
        using var folder = new TemporaryFolder();
        await using var unit = SystemdStart.Of(
            Programs.Server, $"--Fleet:DataFolder={folder.Path}", "--Fleet:Workers=0", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0",
            "--Fleet:MqttPort=0");
        Assert.Equal("READY=1", await unit.SaidAsync(Deadline));
        Assert.StartsWith(
            "<6>Hosting: Operators: ", await unit.Process.WaitForLineAsync("Operators: ", Deadline), StringComparison.Ordinal);

        unit.Process.Terminate();
        Assert.Equal("STOPPING=1", await unit.SaidAsync(Deadline));
        Assert.Equal(0, await unit.Process.WaitForExitAsync(Deadline));
    }
}
