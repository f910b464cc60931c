using System.Net;
using System.Text.Json;
using Fleet.Server.Access;
using Fleet.Server.Audit;
using Fleet.Server.Http;

namespace Fleet.Server.Tests.Access;

public sealed class AccessTests : IAsyncLifetime
{
    private readonly RunningServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/api/v1/devices")]
    [InlineData("/api/v1/tokens")]
    [InlineData("/api/v1/builds")]
    [InlineData("/api/v1/releases")]
    [InlineData("/api/v1/rollouts")]
    [InlineData("/api/v1/telemetry")]
    public async Task Operators_api_asks_for_an_operators_key(string path)
    {
        using var nobody = _server.ApiAs(null);
        using var guesser = _server.ApiAs("fleetkey.operator." + new string('0', 64));
        using var worker = _server.ApiAs(KeyOf(Roles.Worker));
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync(path)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await guesser.GetAsync(path)).StatusCode);
        Assert.Contains("worker", (await RunningServer.ProblemOf(await worker.GetAsync(path))).Title, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task Worker_leases_with_its_own_key()
    {
        using var nobody = _server.ApiAs(null);
        using var worker = _server.ApiAs(KeyOf(Roles.Worker));
        const string lease = """{"worker":"w-1"}""";
        Assert.Equal(HttpStatusCode.Unauthorized, (await RunningServer.PostAsync(nobody, "/api/v1/worker/leases", lease)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await RunningServer.PostAsync(worker, "/api/v1/worker/leases", lease)).StatusCode);
    }

    [Fact]
    public async Task Health_is_told_to_everybody()
    {
        using var nobody = _server.ApiAs(null);
        Assert.Contains("\"status\":\"ok\"", await nobody.GetStringAsync("/health"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operators_work_over_https_as_well()
    {
        using var client = _server.DevicesAs(null);
        client.DefaultRequestHeaders.Authorization = _server.Operator.DefaultRequestHeaders.Authorization;
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/devices")).StatusCode);
    }

    [Fact]
    public async Task Certificate_of_a_device_opens_no_operators_door()
    {
        var device = await _server.EnrollAsync("curious");
        using var client = _server.DevicesAs(device.Certificate);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/devices")).StatusCode);
    }

    [Fact]
    public async Task Wrong_keys_are_slowed_down_and_a_right_one_is_not()
    {
        using var guesser = _server.ApiAs("fleetkey.operator." + new string('0', 64));
        for (var n = 0; n < FailureLimit.Failures; n++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await guesser.GetAsync("/api/v1/devices")).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await guesser.GetAsync("/api/v1/devices")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync("/api/v1/devices")).StatusCode);
    }

    [Fact]
    public async Task Key_files_are_for_the_server_user_alone_and_a_deleted_one_is_replaced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such file modes.");
        var old = KeyOf(Roles.Operator);
        foreach (var file in Directory.GetFiles(_server.Folder["keys"]))
            Assert.Equal("600", Convert.ToString((int)new FileInfo(file).UnixFileMode, 8));

        File.Delete(_server.Folder["keys", "operator.key"]);
        await _server.RestartAsync();

        Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync("/api/v1/devices")).StatusCode);
        using var before = _server.ApiAs(old);
        Assert.Equal(HttpStatusCode.Unauthorized, (await before.GetAsync("/api/v1/devices")).StatusCode);
    }

    [Fact]
    public async Task Every_change_leaves_a_line_in_the_audit_trail()
    {
        await _server.TokenAsync();
        await _server.Operator.GetAsync("/api/v1/devices");
        await RunningServer.PostAsync(_server.Operator, "/api/v1/devices/nobody/revoke", "");

        var lines = (await File.ReadAllLinesAsync(_server.Folder["audit.jsonl"]))
            .Select(line => JsonSerializer.Deserialize(line, AuditJson.Default.AuditEntry)!);
        Assert.Equal(
            [
                ("fleet-server", "The trail begins with its data folder.", null), ("operator", "POST /api/v1/tokens", 201),
                ("operator", "POST /api/v1/devices/nobody/revoke", (int?)404),
            ],
            lines.Select(entry => (entry.Who, entry.What, entry.Status)));
    }

    private string KeyOf(string role) => File.ReadAllText(_server.Folder["keys", $"{role}.key"]).Trim();
}
