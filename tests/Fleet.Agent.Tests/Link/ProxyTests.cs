using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Agent.Network;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Link;

/// <summary>
/// R18: an HTTP proxy stands between the device and its server, both real programs; the name is known to the proxy alone.
/// </summary>
public sealed class ProxyTests : IAsyncLifetime
{
    private const string Host = "fleet.test";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);
    private readonly TemporaryFolder _server = new();
    private readonly TemporaryFolder _agent = new();
    private readonly List<ChildProcess> _processes = [];
    private readonly ConnectProxy _proxy = new("press:s:cret") { Resolve = _ => IPAddress.Loopback };
    private JsonNode _endpoints = null!;
    private HttpClient _api = new();

    private string WithCredentials => $"http://press:s%3Acret@127.0.0.1:{_proxy.Address.Port}";

    private string Devices => $"https://{Host}:{new Uri((string)_endpoints["devices"]!).Port}";

    public async ValueTask InitializeAsync()
    {
        _processes.Add(ChildProcess.Start(
            Programs.Server,
            [
                $"--Fleet:DataFolder={_server.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0",
                "--Fleet:Workers=0", $"--Fleet:PublicHost={Host}",
            ]));
        await Eventually.TrueAsync("the server listens", () => File.Exists(_server["endpoints.json"]), Deadline);
        _endpoints = JsonNode.Parse(await File.ReadAllTextAsync(_server["endpoints.json"]))!;
        _api = new HttpClient { BaseAddress = new Uri((string)_endpoints["api"]!) };
        _api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(_server["keys", "operator.key"])).Trim());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.AsEnumerable().Reverse()) await process.DisposeAsync();
        await _proxy.DisposeAsync();
        _api.Dispose();
        _server.Dispose();
        _agent.Dispose();
    }

    [Theory]
    [InlineData("setting")]
    [InlineData("environment")]
    public async Task Device_enrolls_and_speaks_MQTT_through_the_proxy(string told)
    {
        var environment = new Dictionary<string, string?>();
        if (told == "environment") (environment["HTTPS_PROXY"], environment["NO_PROXY"]) = (WithCredentials, "other.test");
        else await File.WriteAllTextAsync(_agent["agent.json"], JsonSerializer.Serialize(new { Link = new { Proxy = WithCredentials } }));

        var enrolled = await EnrollAsync(environment);
        Assert.True(enrolled.Code == 0, enrolled.Output);
        _processes.Add(ChildProcess.Start(Programs.Agent, ["run", "--data", _agent.Path, "--inference-port", "0"], environment));

        await Eventually.TrueAsync("the device is online through the proxy",
            async () => (await _api.GetFromJsonAsync("/api/v1/devices", FleetJson.Default.IReadOnlyListDeviceView))!.Any(one => one.Online),
            Deadline);
        Assert.Contains($"{Host}:{new Uri(Devices).Port}", _proxy.Asked);
        Assert.Contains((string)_endpoints["mqtt"]! is var mqtt ? $"{Host}:{mqtt.Split(':')[^1]}" : "", _proxy.Asked);
        var check = await ChildProcess.RunAsync(Programs.Agent, ["self-check", "--data", _agent.Path], Deadline, environment);
        Assert.True(check.Code == 0, check.Output);
    }

    [Fact]
    public async Task Proxy_that_refuses_is_named_with_its_answer()
    {
        await File.WriteAllTextAsync(
            _agent["agent.json"], JsonSerializer.Serialize(new { Link = new { Proxy = $"http://127.0.0.1:{_proxy.Address.Port}" } }));
        var refused = await EnrollAsync([]);
        Assert.Equal(4, refused.Code);
        Assert.Contains("407", refused.Output, StringComparison.Ordinal);

        var tunnel = new ConnectTunnel(new Proxies(_proxy.Address.ToString()));
        var failure = await Assert.ThrowsAsync<IOException>(() => tunnel.ConnectAsync(Host, 8883, TestContext.Current.CancellationToken));
        Assert.Contains($"opens no way to {Host}:8883: HTTP/1.1 407", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://proxy:3128", "https://fleet.test:8443", "http://proxy:3128/")]
    [InlineData("http://proxy:3128", "https://localhost:8443", null)]
    [InlineData("http://proxy:3128", "https://127.0.0.1:8883", null)]
    [InlineData("none", "https://fleet.test:8443", null)]
    [InlineData("http://a:b%40c@proxy:3128", "https://fleet.test:8443", "http://proxy:3128/")]
    public void Way_is_what_the_setting_says_and_never_through_a_proxy_to_this_machine(string setting, string destination, string? proxy)
        => Assert.Equal(proxy, new Proxies(setting).GetProxy(new Uri(destination))?.ToString());

    [Fact]
    public void Credentials_stand_in_the_address()
    {
        var credentials = new Proxies("http://a:b%40c@proxy:3128").Credentials!.GetCredential(new Uri("http://proxy:3128"), "Basic")!;
        Assert.Equal(("a", "b@c"), (credentials.UserName, credentials.Password));
    }

    [Fact]
    public async Task Setting_that_is_not_a_proxy_is_refused_at_start()
    {
        await File.WriteAllTextAsync(_agent["agent.json"], """{"Link":{"Proxy":"proxy:3128"}}""");
        var enrolled = await EnrollAsync(new Dictionary<string, string?> { ["FLEET_AGENT_Link__Proxy"] = WithCredentials });
        Assert.True(enrolled.Code == 0, enrolled.Output);
        var run = await ChildProcess.RunAsync(Programs.Agent, ["run", "--data", _agent.Path, "--inference-port", "0"], Deadline);
        Assert.Equal(2, run.Code);
        Assert.Contains("Proxy", run.Output, StringComparison.Ordinal);
    }

    private async Task<ProcessResult> EnrollAsync(Dictionary<string, string?> environment)
    {
        using var body = JsonContent.Create(
            new CreateTokenRequest(1, TimeSpan.FromHours(1), null), FleetJson.Default.CreateTokenRequest);
        using var answer = await _api.PostAsync(new Uri("/api/v1/tokens", UriKind.Relative), body);
        var token = (await answer.Content.ReadFromJsonAsync(FleetJson.Default.CreateTokenResponse))!.Token;
        return await ChildProcess.RunAsync(Programs.Agent,
            ["enroll", "--data", _agent.Path, "--server", Devices, "--token", token, "--id", "press-1"], Deadline, environment);
    }
}
