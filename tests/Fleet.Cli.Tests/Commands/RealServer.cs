using System.Text.Json;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>A real server in a process of its own, on ports the system chose, shared by the tests of one class.</summary>
public sealed class RealServer : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private ChildProcess? _process;
    private JsonElement _endpoints;

    /// <summary>The operators' API, plain, on loopback.</summary>
    public string Api => _endpoints.GetProperty("api").GetString()!;

    /// <summary>The devices' port: the operators' API over https, too.</summary>
    public string Devices => _endpoints.GetProperty("devices").GetString()!;

    /// <summary>File with the operator's key.</summary>
    public string KeyFile => _folder["data", "keys", "operator.key"];

    /// <summary>A file beside the server's data.</summary>
    public string PathOf(string file) => _folder[file];

    /// <summary>A file of the server's data.</summary>
    public string DataPathOf(string file) => _folder["data", file];

    public async ValueTask InitializeAsync()
    {
        var data = _folder["data"];
        _process = ChildProcess.Start(
            Programs.Server, [
                $"--Fleet:DataFolder={data}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0",
            ], workingFolder: _folder.Path);
        var file = Path.Combine(data, "endpoints.json");
        await Eventually.TrueAsync("the server wrote where it listens",
            () => _process.HasExited ? throw new InvalidOperationException(_process.Output) : File.Exists(file), Deadline);
        using var endpoints = JsonDocument.Parse(await File.ReadAllTextAsync(file));
        _endpoints = endpoints.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        _folder.Dispose();
    }
}
