using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
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

    /// <summary>Enrolls a device of x64 with a label, as an agent does; it never connects.</summary>
    public async Task EnrollAsync(string device, string label)
    {
        using var operators = new HttpClient { BaseAddress = new Uri(Api) };
        operators.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(KeyFile)).Trim());
        var labels = new Dictionary<string, string> { [label.Split('=')[0]] = label.Split('=')[1] };
        using var made = await operators.PostAsync("/api/v1/tokens", JsonContent.Create(
            new CreateTokenRequest(1, TimeSpan.FromMinutes(5), labels), FleetJson.Default.CreateTokenRequest));
        var token = (await made.Content.ReadFromJsonAsync(FleetJson.Default.CreateTokenResponse))!.Token;

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var asked = new EnrollRequest(
            token, DeviceId.Parse(device),
            new CertificateRequest($"CN={device}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem(),
            new DeviceFacts
            {
                Architecture = "x64",
                IsaFlags = ["avx2", "avx512_vnni"],
                Processor = "Test processor",
                LogicalCpus = 2,
                MemoryBytes = 4L << 30,
            });
        // Whose certificate it is, an agent judges by the token; this is the server that was started above.
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
        using var devices = new HttpClient(handler) { BaseAddress = new Uri(Devices) };
        using var answer = await devices.PostAsync("/enroll", JsonContent.Create(asked, FleetJson.Default.EnrollRequest));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

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
