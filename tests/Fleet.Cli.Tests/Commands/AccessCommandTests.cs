namespace Fleet.Cli.Tests.Commands;

/// <summary>Keys and the audit trail against a real server.</summary>
public sealed class AccessCommandTests(RealServer server) : OnServerTests(server), IClassFixture<RealServer>
{
    [Fact]
    public async Task Key_is_printed_once_opens_what_its_role_may_and_is_revoked()
    {
        var key = (await TextOfAsync("api-keys", "create", "vera", "--role", "viewer", "--valid-for", "1h")).Trim();
        Assert.StartsWith("fleetkey.", key, StringComparison.Ordinal);
        var file = Server.PathOf("vera.key");
        await File.WriteAllTextAsync(file, key);

        Assert.Equal(0, await Shell.RunAsync("devices", "list", "--server", Server.Api, "--key-file", file));
        Assert.Equal(1, await Shell.RunAsync("tokens", "create", "--server", Server.Api, "--key-file", file));
        Assert.Contains("'vera' has the role viewer; POST /api/v1/tokens needs operator or admin.", Shell.Error, StringComparison.Ordinal);

        Assert.DoesNotContain(key.Split('.')[2], await TextOfAsync("api-keys", "list"), StringComparison.Ordinal);
        var id = key.Split('.')[1];
        Assert.True((await JsonOfAsync("api-keys", "revoke", id, "--yes")).GetProperty("revoked").GetBoolean());
        Assert.Equal(1, await Shell.RunAsync("devices", "list", "--server", Server.Api, "--key-file", file));
        Assert.Contains("The API key of 'vera' was revoked.", Shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limited_key_says_so_in_the_list()
    {
        await TextOfAsync("api-keys", "create", "berta", "--role", "operator", "--role", "approver", "--filter", "label.site=berlin");
        Assert.Matches(@"berta\s+operator,approver\s+accepted\s+label\.site=berlin\s+never", await TextOfAsync("api-keys", "list"));
    }

    [Fact]
    public async Task Person_who_is_signed_in_is_listed_and_signed_out()
    {
        var key = (await TextOfAsync("api-keys", "create", "sven", "--role", "viewer")).Trim();
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        using var browser = new HttpClient(handler) { BaseAddress = new Uri(Server.Api) };
        browser.DefaultRequestHeaders.Accept.ParseAdd("text/html");
        using var signedIn = await browser.PostAsync("/login", new FormUrlEncodedContent([KeyValuePair.Create("key", key)]));
        using var page = await browser.GetAsync(new Uri("/devices", UriKind.Relative));
        Assert.Equal(System.Net.HttpStatusCode.OK, page.StatusCode);

        Assert.Matches($@"sven\s+viewer\s+all\s+.*{key.Split('.')[1]}", await TextOfAsync("sessions", "list"));
        Assert.Contains("sven is signed out.", await TextOfAsync("sessions", "end", "sven", "--yes"), StringComparison.Ordinal);
        using var after = await browser.GetAsync(new Uri("/devices", UriKind.Relative));
        Assert.Equal(System.Net.HttpStatusCode.Redirect, after.StatusCode);
        Assert.Equal(1, await RunAsync("sessions", "end", "sven", "--yes"));
        Assert.Contains("'sven' is not signed in.", Shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_trail_tells_who_did_what_and_a_line_that_was_changed_ends_with_1()
    {
        var token = (await JsonOfAsync("tokens", "create")).GetProperty("id").GetString();
        Assert.Matches($@"operator\s+POST /api/v1/tokens\s+201\s+127\.0\.0\.1\s+token/{token}", await TextOfAsync("audit", "list"));
        Assert.Empty((await JsonOfAsync("audit", "list", "--who", "nobody-at-all")).EnumerateArray());

        Assert.Equal("", Shell.Error);
        Assert.Single((await JsonOfAsync("audit", "list", "--limit", "1")).EnumerateArray());
        Assert.Equal("The newest 1 lines; --limit N shows more, --since and --who narrow.\n", Shell.Error);
        // More than a page, and less than there is.
        Assert.Equal(
            (await JsonOfAsync("audit", "list", "--limit", "999")).GetRawText(),
            (await JsonOfAsync("audit", "list", "--limit", "5000")).GetRawText());

        var whole = await JsonOfAsync("audit", "verify");
        var (line, hash) = (whole.GetProperty("last").GetInt64(), whole.GetProperty("chain").GetString()!);
        await TextOfAsync("audit", "verify", "--line", $"{line}", "--hash", hash);
        Assert.Equal(1, await RunAsync("audit", "verify", "--line", $"{line}", "--hash", new string('0', 64)));
        Assert.Equal(2, await RunAsync("audit", "verify", "--line", "1"));

        var trail = Server.DataPathOf("audit.jsonl");
        var before = await File.ReadAllTextAsync(trail);
        try
        {
            await File.WriteAllTextAsync(trail, before.Replace("POST /api/v1/tokens", "POST /api/v1/nothing", StringComparison.Ordinal));
            Assert.Equal(1, await RunAsync("audit", "verify"));
            Assert.Contains("The audit trail is not whole.", Shell.Error, StringComparison.Ordinal);
        }
        finally
        {
            await File.WriteAllTextAsync(trail, before);
        }
    }
}
