using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>An enrolled device to which files are carried.</summary>
internal sealed class Carrying : IAsyncDisposable
{
    private readonly TemporaryFolder _media = new();

    private Carrying(TestServer server) => (Server, Agent) = (server, new AgentProcess(server));

    public TestServer Server { get; }

    public AgentProcess Agent { get; }

    /// <param name="broker">Where the device looks for its broker; null for where it is.</param>
    public static async Task<Carrying> StartAsync(string? broker = null)
    {
        var carrying = new Carrying(await TestServer.StartAsync());
        if (broker is not null) carrying.Server.Mqtt = broker;
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

    /// <summary>Writes a report as its operator does.</summary>
    public async Task<(ReportAnswer Answer, CarriedReport Report)> ReportAsync()
    {
        var result = await Agent.RunAsync("report", _media["dev-1.report"], "--json");
        var line = result.Output.Split('\n').FirstOrDefault(line => line.StartsWith('{'));
        Assert.True(result.Code == 0 && line is not null, result.Output);
        var file = CarriedReportReader.Open(await File.ReadAllBytesAsync(_media["dev-1.report"]));
        using var certificate = X509Certificate2.CreateFromPem(file.Certificate);
        using var key = certificate.GetECDsaPublicKey()!;
        var report = CarriedReportReader.Read(
            file, DeviceId.Parse("dev-1"), Contracts.Releases.ReleaseKey.Of(key.ExportSubjectPublicKeyInfo()));
        return (JsonSerializer.Deserialize(line, BundlesJson.Default.ReportAnswer)!, report);
    }

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync();
        await Server.DisposeAsync();
        _media.Dispose();
    }
}
