using Fleet.Cli.Client;

namespace Fleet.Cli.Tests.Client;

/// <summary>Whatever a server, or what stands before it, answers, becomes lines that a person can act on.</summary>
public sealed class FleetClientTests
{
    private const string More = "Link: </x>; rel=\"next\"\r\n";

    [Fact]
    public async Task Problem_is_told_with_every_rule_that_was_broken()
    {
        var (lines, status) = await RefusalAsync(CannedServer.Answer(
            "400 Bad Request", """{"title":"The labels are not set.","status":400,"problems":["Label 'A' must be small.","No comma."]}""",
            "application/problem+json"));
        Assert.Equal(400, status);
        Assert.Equal(["The labels are not set.", "Label 'A' must be small.", "No comma."], lines);
    }

    [Fact]
    public async Task Title_that_is_the_only_problem_is_told_once()
        => Assert.Equal(["There is no device 'x'."], (await RefusalAsync(CannedServer.Answer(
            "404 Not Found", """{"title":"There is no device 'x'.","status":404,"problems":["There is no device 'x'."]}"""))).Lines);

    [Theory]
    [InlineData("<html>Bad Gateway</html>", "text/html")]
    [InlineData("", "text/plain")]
    [InlineData("{", "application/json")]
    [InlineData("null", "application/json")]
    public async Task Page_of_a_proxy_is_not_shown_but_its_status_is(string body, string type)
    {
        var (lines, status) = await RefusalAsync(CannedServer.Answer("502 Bad Gateway", body, type));
        Assert.Equal(502, status);
        Assert.EndsWith(" answered 502 Bad Gateway to GET /api/v1/devices/x.", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "No API key was sent: name its file with --key-file FILE or FLEET_KEY_FILE.")]
    [InlineData("secret-key", "The API key that was sent is not accepted: it is unknown, revoked or expired.")]
    public async Task Key_that_is_missing_and_one_that_is_wrong_are_told_apart(string? key, string hint)
    {
        var (lines, _) = await RefusalAsync(
            CannedServer.Answer("401 Unauthorized", """{"title":"Show a key.","status":401,"problems":[]}"""), key);
        Assert.Equal("Show a key.", lines[0]);
        Assert.StartsWith(hint, lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain("secret-key", string.Concat(lines), StringComparison.Ordinal);
    }

    /// <summary>A viewer, and whoever wanted to approve what they had started, were told to use the first admin's key.</summary>
    [Fact]
    public async Task Whoever_may_not_do_it_is_told_what_the_server_says_and_nothing_about_another_key()
    {
        var (lines, _) = await RefusalAsync(
            CannedServer.Answer("403 Forbidden", """{"title":"Somebody else must approve it.","status":403,"problems":[]}"""),
            "secret-key");
        Assert.Equal(["Somebody else must approve it."], lines);
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"id":"Not An Id"}""")]
    public async Task Answer_that_cannot_be_read_points_at_the_version(string body)
    {
        var (lines, _) = await RefusalAsync(CannedServer.Answer("200 OK", body));
        Assert.Contains("sent an answer that this program cannot read", Assert.Single(lines), StringComparison.Ordinal);
        Assert.EndsWith("Check that both are of the same version.", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_that_ends_too_early_is_a_connection_that_broke_off()
    {
        var (lines, _) = await RefusalAsync(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{\"id\":");
        Assert.Contains("broke off in the middle of an answer", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_HTTP_is_not_a_Fleet_server()
    {
        var (lines, status) = await RefusalAsync("SSH-2.0-OpenSSH_9.2\r\n");
        Assert.Null(status);
        Assert.StartsWith("No Fleet server answers at http://127.0.0.1:", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Name_of_any_kind_stays_one_step_of_the_path()
    {
        using var server = new CannedServer(CannedServer.Answer("404 Not Found", ""));
        using var client = new FleetClient(new ServerAddress(server.Url, null, null));
        await Assert.ThrowsAsync<FleetException>(() => client.GetDeviceAsync("../tokens?x=1#y", TestContext.Current.CancellationToken));
        Assert.Equal("GET /api/v1/devices/..%2Ftokens%3Fx%3D1%23y HTTP/1.1", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task Telemetry_is_read_page_after_page_as_the_server_says()
    {
        using var server = new CannedServer(
            CannedServer.Answer("200 OK", TelemetryOf("a"), headers: More), CannedServer.Answer("200 OK", TelemetryOf("b")));
        using var client = new FleetClient(new ServerAddress(server.Url, null, null));
        var (views, isCut) = await client.GetTelemetryAsync(null, "vibration", null, 1000, TestContext.Current.CancellationToken);
        Assert.False(isCut);
        Assert.Equal(["a", "b"], views.Select(view => view.Device!.Value.Value));
        Assert.Equal("GET /api/v1/telemetry?model=vibration&limit=500 HTTP/1.1", server.Requests[0]);
        Assert.Equal("GET /api/v1/telemetry?model=vibration&after=a&limit=500 HTTP/1.1", server.Requests[1]);
    }

    [Fact]
    public async Task Telemetry_that_was_cut_at_what_was_asked_for_says_so()
    {
        using var server = new CannedServer(CannedServer.Answer("200 OK", TelemetryOf("a"), headers: More));
        using var client = new FleetClient(new ServerAddress(server.Url, null, null));
        var (views, isCut) = await client.GetTelemetryAsync(null, null, null, 1, TestContext.Current.CancellationToken);
        Assert.True(isCut);
        Assert.Single(views);
    }

    [Fact]
    public async Task List_is_read_page_after_page_as_far_as_was_asked_for()
    {
        var two = $"[{RolloutOf("a")},{RolloutOf("b")}]";
        using var server = new CannedServer(
            CannedServer.Answer("200 OK", two, headers: More), CannedServer.Answer("200 OK", two, headers: More),
            CannedServer.Answer("200 OK", two));
        using var client = new FleetClient(new ServerAddress(server.Url, null, null));
        var (rollouts, isCut) = await client.ListRolloutsAsync(3, TestContext.Current.CancellationToken);
        Assert.Equal((3, true), (rollouts.Count, isCut));
        Assert.Equal(["GET /api/v1/rollouts?limit=3 HTTP/1.1", "GET /x HTTP/1.1"], server.Requests);
        (rollouts, isCut) = await client.ListRolloutsAsync(2, TestContext.Current.CancellationToken);
        Assert.Equal((2, false), (rollouts.Count, isCut));
    }

    private static string RolloutOf(string id) => $$$"""
        {"id":"{{{id}}}","plan":{"model":"m","version":1,"waves":[{"percent":100}]},"status":"running","waves":[],"devices":[]}
        """;

    private static string TelemetryOf(string device) => $$"""[{"device":"{{device}}","model":"vibration"}]""";

    private static async Task<(IReadOnlyList<string> Lines, int? Status)> RefusalAsync(string answer, string? key = null)
    {
        using var server = new CannedServer(answer);
        using var client = new FleetClient(new ServerAddress(server.Url, key, null));
        var refusal = await Assert.ThrowsAsync<FleetException>(
            () => client.GetDeviceAsync("x", TestContext.Current.CancellationToken));
        return (refusal.Lines, refusal.Status);
    }
}
