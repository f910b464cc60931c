using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>An enrolled device to which files are carried.</summary>
internal sealed class Carrying : IAsyncDisposable
{
    private readonly TemporaryFolder _media = new();

    private Carrying(TestServer server) => (Server, Agent) = (server, new AgentProcess(server));

    public TestServer Server { get; }

    public AgentProcess Agent { get; }

    public static async Task<Carrying> StartAsync()
    {
        var carrying = new Carrying(await TestServer.StartAsync());
        await carrying.Agent.EnrollAsync();
        await File.WriteAllTextAsync(carrying.Agent.Data.Settings, """{"Deployment":{"WatchPeriod":"00:00:00.2"}}""");
        return carrying;
    }

    /// <summary>The file that is carried.</summary>
    public string Put(byte[] bundle)
    {
        File.WriteAllBytes(_media["release.tar"], bundle);
        // Nothing of it may come over a network.
        Server.Artifacts.Clear();
        return _media["release.tar"];
    }

    /// <summary>Installs a bundle as its operator does.</summary>
    public async Task<InstallAnswer> InstallAsync(byte[] bundle)
    {
        var result = await Agent.RunAsync("install", Put(bundle), "--json");
        var line = result.Output.Split('\n').FirstOrDefault(line => line.StartsWith('{'));
        Assert.True(line is not null, result.Output);
        var answer = JsonSerializer.Deserialize(line, BundlesJson.Default.InstallAnswer)!;
        Assert.Equal(answer.Installed ? 0 : 1, result.Code);
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync();
        await Server.DisposeAsync();
        _media.Dispose();
    }
}
