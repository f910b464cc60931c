using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests.Fixtures;

/// <summary>
/// A real <c>fleet-server</c> with a data folder of its own, which can be killed and started again at the same addresses.
/// </summary>
internal sealed class RunningServer(string dataFolder) : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };
    private ChildProcess? _process;
    private int _starts;

    /// <summary>Address operators and workers use.</summary>
    public Uri Api { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Address devices use.</summary>
    public Uri Devices { get; private set; } = new("https://localhost:0");

    /// <summary>Host and port of the broker.</summary>
    public string Mqtt { get; private set; } = "localhost:0";

    public string OperatorKeyFile => Path.Combine(dataFolder, "keys", "operator.key");

    public string WorkerKeyFile => Path.Combine(dataFolder, "keys", "worker.key");

    /// <summary>Further settings of the next start.</summary>
    public IReadOnlyList<string> Settings { get; set; } = [];

    /// <summary>Further variables of the next start.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; set; } = new Dictionary<string, string?>();

    /// <summary>Starts it; the second time at the ports of the first.</summary>
    public async Task StartAsync()
    {
        var endpoints = Path.Combine(dataFolder, "endpoints.json");
        if (File.Exists(endpoints)) File.Delete(endpoints);
        _process = ChildProcess.Start(
            Programs.Server,
            [
                $"--Fleet:DataFolder={dataFolder}", $"--Fleet:ApiPort={Api.Port}", $"--Fleet:DevicePort={Devices.Port}",
                $"--Fleet:MqttPort={Mqtt.Split(':')[1]}",
                "--Fleet:Workers=0", "--Fleet:Builds:LeaseTime=00:00:15", .. Settings,
            ], Environment);
        _starts++;
        await Eventually.TrueAsync(
            $"server start {_starts} listened or ended", () => File.Exists(endpoints) || _process.HasExited, StartLimit);
        Assert.False(_process.HasExited, _process.Output);
        using var read = JsonDocument.Parse(await File.ReadAllBytesAsync(endpoints));
        (Api, Devices, Mqtt) = (new Uri(Text("api")), new Uri(Text("devices")), Text("mqtt"));
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(OperatorKeyFile)).Trim());

        string Text(string name) => read.RootElement.GetProperty(name).GetString()!;
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(TimeSpan.FromSeconds(20));
        await _process.DisposeAsync();
    }

    public Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type) => SendAsync(HttpMethod.Get, path, null, type);

    public Task<TAnswer> PostAsync<TBody, TAnswer>(string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> type)
        => SendAsync(HttpMethod.Post, path, JsonContent.Create(body, bodyType), type);

    /// <summary>One device as the server knows it.</summary>
    public Task<DeviceView> DeviceAsync(string id) => GetAsync($"/api/v1/devices/{id}", FleetJson.Default.DeviceView);

    /// <summary>A join token whose devices carry the label <c>test</c>.</summary>
    public async Task<string> TokenAsync(string label, int uses = 10) => (await PostAsync(
        "/api/v1/tokens", new CreateTokenRequest(uses, TimeSpan.FromHours(1), new Dictionary<string, string> { ["test"] = label }),
        FleetJson.Default.CreateTokenRequest, FleetJson.Default.CreateTokenResponse)).Token;

    public Task<RolloutView> StartRolloutAsync(RolloutPlan plan)
        => PostAsync("/api/v1/rollouts", plan, FleetJson.Default.RolloutPlan, FleetJson.Default.RolloutView);

    public Task<RolloutView> RolloutAsync(string id) => GetAsync($"/api/v1/rollouts/{id}", FleetJson.Default.RolloutView);

    /// <summary>Awaits the end of a rollout and says why when it is another end than expected.</summary>
    public async Task<RolloutView> RolloutEndsAsync(string id, RolloutStatus expected)
    {
        var ended = await Eventually.ValueAsync($"rollout {id} ended",
            async () => await RolloutAsync(id) is { Status: not RolloutStatus.Running } view ? view : null, TimeSpan.FromMinutes(3));
        Assert.True(ended.Status == expected, $"The rollout is {ended.Status}: {ended.Reason}\n{string.Join('\n', ended.Devices)}");
        return ended;
    }

    public async Task<TAnswer> SendAsync<TAnswer>(
        HttpMethod method, string path, HttpContent? body, JsonTypeInfo<TAnswer> type, string? key = null)
    {
        using var response = await SendAsync(method, path, body, key);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path} answered {(int)response.StatusCode}: {text}\n{_process!.Output}");
        Assert.NotEqual(HttpStatusCode.NoContent, response.StatusCode);
        return JsonSerializer.Deserialize(text, type)!;
    }

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body, string? key = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(Api, path)) { Content = body };
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await _http.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null) await _process.DisposeAsync();
    }
}
