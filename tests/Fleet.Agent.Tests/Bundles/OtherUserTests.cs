using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>
/// An agent that runs as a user of its own, as under systemd, and a person who types commands as root. What root wrote could not be opened
/// by the agent: a release was never installed, and an agent did not start any more.
/// </summary>
public sealed class OtherUserTests : IAsyncLifetime
{
    private const uint User = 65534;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _media = new();
    private TestServer _server = null!;
    private AgentProcess _agent = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && OperatingSystem.IsLinux(), "Only root can run a program as another user.");
        _server = await TestServer.StartAsync();
        _agent = new AgentProcess(_server, user: User);
        var given = await ChildProcess.RunAsync("chown", [$"{User}:{User}", _agent.Data.Root], Deadline);
        Assert.True(given.Code == 0, given.Output);
        await _agent.EnrollAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_agent is not null) await _agent.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        _media.Dispose();
    }

    [Fact]
    public async Task Agent_takes_the_release_that_root_installs_and_knows_the_report_that_root_writes()
    {
        var bundle = Bundle(3);
        _agent.Start();
        await _agent.Process.WaitForLineAsync("Connected to", Deadline);
        var installed = await _agent.RunHereAsync("install", bundle);
        Assert.True(installed.Code == 0, $"{installed.Output}\n{_agent.Process.Output}");
        await _agent.ServesAsync(3);

        var written = await _agent.RunHereAsync("report", _media["dev-1.report"], "--json");
        Assert.True(written.Code == 0, written.Output);
        var number = JsonSerializer.Deserialize(
            written.Output.Split('\n').First(line => line.StartsWith('{')), BundlesJson.Default.ReportAnswer)!.Number;
        await _agent.StopAsync();
        BelongsToTheAgent();
        _agent.Start();
        await Eventually.TrueAsync("the agent names the report that root wrote",
            () => _server.Reports.Any(report => report.ReportNumber == number), Deadline, () => _agent.Process.Output);
    }

    [Fact]
    public async Task Release_that_root_installs_where_no_agent_runs_waits_for_it_and_root_is_told()
    {
        var refused = await _agent.RunHereAsync("install", Bundle(3));
        Assert.Equal(1, refused.Code);
        Assert.Contains($"which belongs to user {User}", refused.Output, StringComparison.Ordinal);
        Assert.Contains("start the agent (systemctl start fleet-agent) and it installs it.", refused.Output, StringComparison.Ordinal);
        BelongsToTheAgent();
        _agent.Start();
        await _server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
        await _agent.ServesAsync(3);
    }

    [Fact]
    public async Task Certificate_that_root_renews_is_the_agents()
    {
        var renewed = await _agent.RunHereAsync("renew");
        Assert.True(renewed.Code == 0, renewed.Output);
        BelongsToTheAgent();
        await _server.DesireAsync("dev-1", 1, TestRelease.Assign(_server, 1));
        _agent.Start();
        await _server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
    }

    private string Bundle(int version)
    {
        File.WriteAllBytes(_media["release.tar"], CarriedFile.Of(_server, TestRelease.Assign(_server, version)));
        return _media["release.tar"];
    }

    private void BelongsToTheAgent() => Assert.All(
        Directory.EnumerateFileSystemEntries(_agent.Data.Root, "*", SearchOption.AllDirectories),
        path => Assert.True(FolderOwner.UserOf(path) == User, path));
}
