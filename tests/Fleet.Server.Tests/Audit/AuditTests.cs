using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Audit;
using Fleet.Server.Http;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Audit;

/// <summary>Found in use: refused keys, broken uploads, worker calls and enrollments left no line, and who was always "operator".</summary>
public sealed class AuditTests : IAsyncLifetime
{
    private readonly RunningServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Change_is_noted_with_who_what_before_and_after()
    {
        await _server.EnrollAsync("press-7", new() { ["site"] = "berlin" });
        using var anna = await _server.ApiAsync("anna", [Roles.Operator]);
        using var answer = await anna.PatchAsync(
            "/api/v1/devices/press-7/labels",
            new StringContent("""{"labels":{"site":"munich"}}""", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var line = await LastAsync();
        Assert.Equal(("anna", "127.0.0.1", "PATCH /api/v1/devices/press-7/labels", 200), (line.Who, line.From, line.What, line.Status));
        Assert.NotNull(line.Proof);
        var change = Assert.Single(line.Changes);
        Assert.Equal("device/press-7", change.What);
        Assert.Equal("""{"labels":{"site":"berlin"}}""", change.Before?.GetRawText());
        Assert.Equal("""{"labels":{"site":"munich"}}""", change.After?.GetRawText());
    }

    [Fact]
    public async Task Keys_that_are_replaced_are_noted_with_the_root_before_and_after()
    {
        using var prepared = await RunningServer.PostAsync(
            _server.Operator, "/api/v1/keys/changes", """{"orders":true,"compromised":true}""");
        using var applied = await RunningServer.PostAsync(
            _server.Operator, "/api/v1/keys/roots", await prepared.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, applied.StatusCode);
        var root = Assert.Single((await LastAsync()).Changes, change => change.What == "root");
        Assert.Equal(
            ("root", 1, 2), (root.What, root.Before?.GetProperty("orderEpoch").GetInt32(),
                root.After?.GetProperty("orderEpoch").GetInt32()));

        using var vouched = await RunningServer.PostAsync(_server.Operator, "/api/v1/keys/time-anchor", "");
        Assert.Equal("""{"anchor":1}""", Assert.Single((await LastAsync()).Changes).After?.GetRawText());
    }

    [Fact]
    public async Task Refused_attempts_are_noted_with_the_reason()
    {
        using var guesser = _server.ApiAs("fleetkey.operator." + new string('0', 64));
        await guesser.GetAsync("/api/v1/devices");
        Assert.Equal(("nobody", "GET /api/v1/devices", 401, "The API key is not known."), Told(await LastAsync()));

        using var viewer = await _server.ApiAsync("vera", [Roles.Viewer]);
        await RunningServer.PostAsync(viewer, "/api/v1/devices/press-7/revoke", "");
        Assert.Equal(("vera", "POST /api/v1/devices/press-7/revoke", 403), Short(await LastAsync()));

        await _server.Operator.DeleteAsync($"/api/v1/api-keys/{(await KeyAsync("vera")).Id}");
        await viewer.GetAsync("/api/v1/devices");
        Assert.Equal(("vera", "GET /api/v1/devices", 401, "The API key of 'vera' was revoked."), Told(await LastAsync()));

        using var nobody = _server.ApiAs(null);
        await RunningServer.PostAsync(nobody, "/api/v1/tokens", "{}");
        Assert.Equal(("nobody", "POST /api/v1/tokens", 401), Short(await LastAsync()));
    }

    [Fact]
    public async Task Enrollments_and_renewals_are_noted_by_the_device()
    {
        var (refused, _) = await _server.TryEnrollAsync("fleet1.nothing", "press-8");
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Equal(("device press-8", "POST /enroll", 400), Short(await LastAsync()));

        await _server.EnrollAsync("press-8");
        var line = await LastAsync();
        Assert.Equal(("device press-8", "POST /enroll", 200), Short(line));
        Assert.Contains(line.Changes, change => change.What == "device/press-8" && change.Before is null);
    }

    [Fact]
    public async Task Workers_calls_are_noted_except_those_that_come_to_nothing()
    {
        using var worker = _server.ApiAs((await File.ReadAllTextAsync(_server.Folder["keys", "worker.key"])).Trim());
        var before = await LastAsync();
        await RunningServer.PostAsync(worker, "/api/v1/worker/leases", """{"worker":"w-1"}""");
        Assert.Equal(before.Number, (await LastAsync()).Number);
        await RunningServer.PostAsync(worker, "/api/v1/worker/builds/nothing/fail", """{"leaseId":"a","reason":"b"}""");
        Assert.Equal(("worker", "POST /api/v1/worker/builds/nothing/fail", 404), Short(await LastAsync()));
    }

    [Fact]
    public async Task Upload_that_breaks_off_is_noted()
    {
        var api = new Uri(_server.Addresses.Api);
        using (var socket = new TcpClient(api.Host, api.Port))
        {
            var key = (await File.ReadAllTextAsync(_server.Folder["keys", "worker.key"])).Trim();
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"PUT /api/v1/worker/artifacts/{new string('a', 64)} HTTP/1.1\r\nHost: {api.Authority}\r\nAuthorization: Bearer {key}\r\n"
                + "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"));
            // The server reads the body once it asks for it.
            Assert.True(await socket.GetStream().ReadAsync(new byte[100]) > 0);
            await socket.GetStream().WriteAsync("the beginning"u8.ToArray());
            socket.Client.LingerState = new LingerOption(true, 0);
        }
        var line = await Eventually.ValueAsync(
            "the upload is noted", async () => await LastAsync() is { Who: "worker" } last ? last : null);
        Assert.StartsWith("PUT /api/v1/worker/artifacts/", line.What, StringComparison.Ordinal);
        Assert.InRange(line.Status ?? 0, 400, 499);
    }

    [Fact]
    public async Task Trail_holds_no_secret()
    {
        var token = await _server.TokenAsync();
        var key = await _server.KeyAsync(new CreateApiKeyRequest("anna", [Roles.Viewer]));
        await _server.TryEnrollAsync(token.Token, "press-9");
        var text = await File.ReadAllTextAsync(_server.Folder["audit.jsonl"]);
        Assert.Contains("press-9", text, StringComparison.Ordinal);
        foreach (var secret in (string[])[token.Token.Split('.')[2], key.Key.Split('.')[2]])
        {
            Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
            Assert.DoesNotContain(ApiKeyHash(secret), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Guesses_by_the_hundred_get_a_few_lines_and_a_count()
    {
        using var guesser = _server.ApiAs("fleetkey.operator." + new string('0', 64));
        for (var n = 0; n < AuditQuota.Lines + 30; n++) (await guesser.GetAsync("/api/v1/devices")).Dispose();
        await _server.RestartAsync();
        var lines = await ListAsync("?limit=1000");
        Assert.Equal(AuditQuota.Lines, lines.Count(line => line.Who == "nobody"));
        Assert.Contains(lines, line => line.What == "30 more attempts of nobody at 127.0.0.1 were refused within a minute.");
        Assert.Empty((await VerifyAsync()).Problems);
    }

    [Fact]
    public async Task Trail_is_read_page_by_page_by_time_and_by_name()
    {
        using var anna = await _server.ApiAsync("anna", [Roles.Operator]);
        for (var n = 0; n < 5; n++) await RunningServer.PostAsync(anna, "/api/v1/devices/nothing/revoke", "");
        Assert.Equal(5, (await ListAsync("?who=anna")).Count);
        Assert.Equal(2, (await ListAsync("?who=anna&limit=2")).Count);

        using var page = await _server.Operator.GetAsync("/api/v1/audit?who=anna&after=0&limit=2");
        Assert.Contains("rel=\"next\"", Assert.Single(page.Headers.GetValues("Link")), StringComparison.Ordinal);
        Assert.Empty(await ListAsync("?since=2099-01-01T00:00:00Z"));
        Assert.Equal(HttpStatusCode.Forbidden, (await anna.GetAsync("/api/v1/audit")).StatusCode);
    }

    [Fact]
    public async Task Trail_goes_on_through_restarts_and_a_rotation()
    {
        await _server.TokenAsync();
        await _server.RestartAsync();
        await _server.TokenAsync();
        File.Move(_server.Folder["audit.jsonl"], _server.Folder["audit.jsonl.1"]);
        await _server.TokenAsync();
        await _server.RestartAsync();

        Assert.Equal([1, 2, 3, 4, 5], (await ListAsync("")).Select(line => line.Number));
        var verified = await VerifyAsync();
        Assert.Empty(verified.Problems);
        Assert.Equal((4, 5), (verified.First, verified.Last));
    }

    [Fact]
    public async Task Trail_of_an_earlier_program_goes_on()
    {
        await _server.TokenAsync();
        await _server.StopAsync();
        await File.WriteAllTextAsync(
            _server.Folder["audit.jsonl"],
            """{"at":"2026-11-01T00:00:00+00:00","who":"fleet-server","from":"","what":"The trail begins.","status":null}""" + "\n");
        await _server.InitializeAsync();
        await _server.TokenAsync();
        Assert.Equal(["The trail begins.", "POST /api/v1/tokens"], (await ListAsync("")).Select(line => line.What));
        Assert.Empty((await VerifyAsync()).Problems);
    }

    private static (string, string, int?) Short(AuditView line) => (line.Who, line.What, line.Status);

    private static (string, string, int?, string?) Told(AuditView line) => (line.Who, line.What, line.Status, line.Why);

    private static string ApiKeyHash(string secret) => Fleet.Server.Access.ApiKey.HashOf(secret);

    private async Task<ApiKeyView> KeyAsync(string name)
        => JsonSerializer.Deserialize(
            await _server.Operator.GetStringAsync("/api/v1/api-keys"), FleetJson.Default.IReadOnlyListApiKeyView)!
            .Single(key => key.Name == name);

    private async Task<AuditView> LastAsync() => (await ListAsync("?limit=1")).Single();

    private async Task<IReadOnlyList<AuditView>> ListAsync(string query)
        => JsonSerializer.Deserialize(
            await _server.Operator.GetStringAsync($"/api/v1/audit{query}"), FleetJson.Default.IReadOnlyListAuditView)!;

    private async Task<AuditVerification> VerifyAsync()
        => JsonSerializer.Deserialize(
            await _server.Operator.GetStringAsync("/api/v1/audit/verification"), FleetJson.Default.AuditVerification)!;
}
