using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Hosting;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests;

/// <summary>The whole server, in this process, on ports the system chose and a folder of its own.</summary>
public sealed class RunningServer : IAsyncLifetime
{
    internal static readonly DeviceFacts Facts = new()
    {
        Architecture = "x64",
        IsaFlags = ["avx2", "avx512_vnni"],
        Processor = "Test processor",
        LogicalCpus = 2,
    };

    private readonly Action<IServiceCollection>? _replace;
    private readonly ConcurrentDictionary<string, Lazy<Task<TestDevice>>> _devices = new();
    private WebApplication? _server;

    private string[] _settings;

    public RunningServer() : this((Action<IServiceCollection>?)null)
    {
    }

    internal RunningServer(params string[] settings) : this(null, settings)
    {
    }

    internal RunningServer(Action<IServiceCollection>? replace, params string[] settings) => (_replace, _settings) = (replace, settings);

    public TemporaryFolder Folder { get; } = new();

    internal IServiceProvider Services => _server!.Services;

    internal IFleetStore Store => Services.GetRequiredService<IFleetStore>();

    internal ListenAddresses Addresses => Services.GetRequiredService<ListenAddresses>();

    /// <summary>Host and port of the broker; nothing while the server is stopped.</summary>
    internal string[] MqttAddress => _server is null ? [] : Addresses.Mqtt.Split(':');

    internal string AuthorityPem => File.ReadAllText(Folder["ca.pem"]);

    /// <summary>Speaks as an operator over plain HTTP.</summary>
    internal HttpClient Operator { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await Program.CreateAsync(
            [
                $"--Fleet:DataFolder={Folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0",
                "--Logging:LogLevel:Default=Error", .. _settings,
            ], _replace);
        await _server.StartAsync();
        Operator = ApiAs(File.ReadAllText(Folder["keys", "operator.key"]).Trim());
    }

    /// <summary>Stops the server and copies what it keeps to another folder.</summary>
    internal async Task CopyToAsync(string folder)
    {
        await _server!.StopAsync();
        await _server.DisposeAsync();
        foreach (var file in Directory.GetFiles(Folder.Path, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Folder.Path, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        _server = null;
    }

    /// <summary>Stops the server and starts it again on the same folder, on other ports, with other settings when some are given.</summary>
    internal async Task RestartAsync(params string[] settings)
    {
        if (settings.Length > 0) _settings = settings;
        await StopAsync();
        await InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Folder.Dispose();
    }

    /// <summary>A client of the operators' port that sends this key.</summary>
    internal HttpClient ApiAs(string? key)
    {
        // A busy server may take longer than a second to refuse a body before it is sent.
        var client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) })
        {
            BaseAddress = new Uri(Addresses.Api),
        };
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    /// <summary>A client with a new key of these roles, limited to what a filter selects.</summary>
    internal async Task<HttpClient> ApiAsync(string name, string[] roles, string? filter = null)
        => ApiAs((await KeyAsync(new CreateApiKeyRequest(name, roles, filter))).Key);

    /// <summary>A new API key.</summary>
    internal async Task<CreateApiKeyResponse> KeyAsync(CreateApiKeyRequest request)
    {
        using var response = await PostAsync(
            Operator, "/api/v1/api-keys", JsonSerializer.Serialize(request, FleetJson.Default.CreateApiKeyRequest));
        Assert.Equal(System.Net.HttpStatusCode.Created, response.StatusCode);
        return JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.CreateApiKeyResponse)!;
    }

    /// <summary>A client of the devices' port that trusts this server's authority alone, and shows this certificate.</summary>
    internal HttpClient DevicesAs(X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) };
        handler.SslOptions.CertificateChainPolicy = TestDevice.Trusting(AuthorityPem);
        if (certificate is not null) handler.SslOptions.ClientCertificates = [certificate];
        return new HttpClient(handler) { BaseAddress = new Uri(Addresses.Devices) };
    }

    /// <summary>A join token.</summary>
    internal async Task<CreateTokenResponse> TokenAsync(
        int uses = 1, TimeSpan? validFor = null, Dictionary<string, string>? labels = null, string? idPattern = null, bool approve = false)
    {
        var response = await PostAsync(Operator, "/api/v1/tokens",
            JsonSerializer.Serialize(
                new CreateTokenRequest(uses, validFor ?? TimeSpan.FromHours(1), labels, idPattern, approve),
                FleetJson.Default.CreateTokenRequest));
        Assert.Equal(System.Net.HttpStatusCode.Created, response.StatusCode);
        return JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.CreateTokenResponse)!;
    }

    /// <summary>Asks to be enrolled.</summary>
    internal async Task<(HttpResponseMessage Response, ECDsa Key)> TryEnrollAsync(
        string token, string device, string? signingRequest = null, ECDsa? key = null)
    {
        key ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new EnrollRequest(token, DeviceId.Parse(device), signingRequest ?? TestDevice.SigningRequest(key), Facts);
        using var client = DevicesAs(null);
        return (await PostAsync(client, "/enroll", JsonSerializer.Serialize(request, FleetJson.Default.EnrollRequest)), key);
    }

    /// <summary>A device that is enrolled.</summary>
    internal async Task<TestDevice> EnrollAsync(string device, Dictionary<string, string>? labels = null)
        => await EnrollWithAsync((await TokenAsync(labels: labels)).Token, device);

    /// <summary>A device that is enrolled with this token.</summary>
    internal async Task<TestDevice> EnrollWithAsync(string token, string device, ECDsa? with = null)
    {
        var (response, key) = await TryEnrollAsync(token, device, key: with);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return new TestDevice(this, DeviceId.Parse(device), key, JsonSerializer.Deserialize(body, FleetJson.Default.EnrollResponse)!);
    }

    /// <summary>The token that lets a device come back with a new key.</summary>
    internal async Task<CreateTokenResponse> ReturnTokenAsync(string device)
    {
        using var answer = await PostAsync(Operator, $"/api/v1/devices/{device}/reenroll", """{"validFor":"01:00:00"}""");
        Assert.Equal(System.Net.HttpStatusCode.Created, answer.StatusCode);
        return JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), FleetJson.Default.CreateTokenResponse)!;
    }

    /// <summary>What an operator does with a device, such as <c>revoke</c>.</summary>
    internal async Task DoAsync(string device, string verb)
    {
        using var answer = await PostAsync(Operator, $"/api/v1/devices/{device}/{verb}", "");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>A device that several tests of a class share.</summary>
    internal Task<TestDevice> DeviceAsync(string device)
        => _devices.GetOrAdd(device, _ => new Lazy<Task<TestDevice>>(() => EnrollAsync(device))).Value;

    /// <summary>A device as operators see it.</summary>
    internal async Task<DeviceView> ViewAsync(string device)
        => JsonSerializer.Deserialize(await Operator.GetStringAsync($"/api/v1/devices/{device}"), FleetJson.Default.DeviceView)!;

    internal static Task<HttpResponseMessage> PostAsync(HttpClient client, string path, string json)
        => client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));

    /// <summary>The problem a request was refused with.</summary>
    internal static async Task<ApiProblem> ProblemOf(HttpResponseMessage response)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.ApiProblem)!;
        Assert.Equal((int)response.StatusCode, problem.Status);
        return problem;
    }

    internal async Task StopAsync()
    {
        Operator.Dispose();
        // Once: a test may have stopped it.
        if (Interlocked.Exchange(ref _server, null) is not { } server) return;
        await server.StopAsync();
        await server.DisposeAsync();
    }
}
