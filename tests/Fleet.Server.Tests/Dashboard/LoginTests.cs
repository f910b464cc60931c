using System.Net;
using System.Text.RegularExpressions;
using Fleet.Contracts.Http;
using Fleet.Server.Access;
using Fleet.Server.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Dashboard;

/// <summary>Signing in as a browser does: cookies are kept, forms are sent, redirections are followed by hand.</summary>
public sealed class LoginTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public LoginTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Person_without_a_session_is_sent_to_sign_in_and_comes_back()
    {
        using var browser = new Browser(_server.Addresses.Api);
        using var asked = await browser.GetAsync("/devices?after=a");
        Assert.Equal((HttpStatusCode.Redirect, "/login?return=%2Fdevices%3Fafter%3Da"),
            (asked.StatusCode, asked.Headers.Location?.ToString()));

        using var page = await browser.GetAsync(asked.Headers.Location!.ToString());
        var form = await page.Content.ReadAsStringAsync();
        Assert.Contains("value=\"/devices?after=a\"", form, StringComparison.Ordinal);

        using var signedIn = await browser.PostAsync("/login", ("key", OperatorKey), ("return", "/devices?after=a"));
        Assert.Equal((HttpStatusCode.SeeOther, "/devices?after=a"), (signedIn.StatusCode, signedIn.Headers.Location?.ToString()));
        using var devices = await browser.GetAsync("/devices");
        Assert.Equal(HttpStatusCode.OK, devices.StatusCode);
        Assert.Contains("operator, admin", await devices.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example/", "/")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("javascript:alert(1)", "/")]
    [InlineData("/rollouts/r-1", "/rollouts/r-1")]
    public void Way_back_leads_to_no_other_site(string wanted, string path) => Assert.Equal(path, SignIn.ReturnPath(wanted));

    [Fact]
    public async Task Cookie_is_out_of_reach_of_scripts_and_other_sites_and_secure_where_the_connection_is()
    {
        using var browser = new Browser(_server.Addresses.Api);
        using var plain = await browser.SignInAsync(OperatorKey);
        var cookie = plain.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secure", cookie, StringComparison.OrdinalIgnoreCase);

        using var https = _server.DevicesAs(null);
        using var content = new FormUrlEncodedContent([new("key", OperatorKey)]);
        using var signedIn = await https.PostAsync("/login", content);
        // Followed to the overview: the session holds.
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
    }

    [Fact]
    public async Task Wrong_key_is_refused_on_the_page_and_noted()
    {
        using var browser = new Browser(_server.Addresses.Api);
        using var refused = await browser.SignInAsync("fleetkey.operator." + new string('0', 64));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains("The API key is not known.", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.False(refused.Headers.Contains("Set-Cookie"));
        var trail = await _server.Operator.GetStringAsync("/api/v1/audit?limit=1");
        Assert.Contains("\"why\":\"The API key is not known.\"", trail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_keys_of_others_keep_nobody_from_signing_in()
    {
        using var browser = new Browser(_server.Addresses.Api);
        for (var n = 0; n <= FailureLimit.Failures; n++) (await browser.SignInAsync("wrong")).Dispose();
        using var slowed = await browser.SignInAsync("wrong");
        Assert.Contains("wait a minute", await slowed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var right = await browser.SignInAsync(OperatorKey);
        Assert.Equal(HttpStatusCode.SeeOther, right.StatusCode);
    }

    [Fact]
    public async Task Key_of_a_worker_opens_no_session()
    {
        using var browser = new Browser(_server.Addresses.Api);
        using var refused = await browser.SignInAsync((await File.ReadAllTextAsync(_server.Folder["keys", "worker.key"])).Trim());
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Session_ends_with_its_time_with_its_key_and_when_the_person_signs_out()
    {
        var key = await _server.KeyAsync(new CreateApiKeyRequest("vera", [Roles.Viewer]));
        using var browser = new Browser(_server.Addresses.Api);
        (await browser.SignInAsync(key.Key)).Dispose();
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/"));
        Assert.Equal(HttpStatusCode.Forbidden, await browser.StatusOfAsync("/audit"));
        await _server.Operator.DeleteAsync($"/api/v1/api-keys/{key.Id}");
        Assert.Equal(HttpStatusCode.Redirect, await browser.StatusOfAsync("/"));

        (await browser.SignInAsync(OperatorKey)).Dispose();
        _clock.Advance(new AccessOptions().SessionLifetime - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/audit"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Redirect, await browser.StatusOfAsync("/"));

        (await browser.SignInAsync(OperatorKey)).Dispose();
        var stolen = browser.Cookie;
        (await browser.PostAsync("/logout", ("csrf", await browser.CsrfAsync()))).Dispose();
        using var thief = new Browser(_server.Addresses.Api) { Cookie = stolen };
        Assert.Equal(HttpStatusCode.Redirect, await thief.StatusOfAsync("/"));
    }

    [Fact]
    public async Task Session_outlives_a_restart_of_the_server()
    {
        using var before = new Browser(_server.Addresses.Api);
        (await before.SignInAsync(OperatorKey)).Dispose();
        await _server.RestartAsync();
        using var after = new Browser(_server.Addresses.Api) { Cookie = before.Cookie };
        Assert.Equal(HttpStatusCode.OK, await after.StatusOfAsync("/"));
    }

    [Fact]
    public async Task What_is_not_there_is_a_page_for_a_person_and_a_problem_for_a_program()
    {
        using var browser = new Browser(_server.Addresses.Api);
        (await browser.SignInAsync(OperatorKey)).Dispose();
        foreach (var path in (string[])["/nowhere", "/devices/nobody", "/rollouts/none"])
        {
            using var page = await browser.GetAsync(path);
            Assert.Equal((HttpStatusCode.NotFound, "text/html"), (page.StatusCode, page.Content.Headers.ContentType?.MediaType));
            Assert.Contains("<h1>Nothing is here", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            using var problem = await _server.Operator.GetAsync(path);
            Assert.Equal("application/problem+json", problem.Content.Headers.ContentType?.MediaType);
        }
    }

    private string OperatorKey => File.ReadAllText(_server.Folder["keys", "operator.key"]).Trim();
}

/// <summary>As much of a browser as signing in takes.</summary>
internal sealed class Browser : IDisposable
{
    private readonly HttpClient _client;

    public Browser(string address)
    {
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        _client.BaseAddress = new Uri(address);
        _client.DefaultRequestHeaders.Accept.ParseAdd("text/html");
    }

    /// <summary>The cookie of the session.</summary>
    public string? Cookie { get; set; }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public async Task<HttpStatusCode> StatusOfAsync(string path)
    {
        using var answer = await GetAsync(path);
        return answer.StatusCode;
    }

    public Task<HttpResponseMessage> SignInAsync(string key) => PostAsync("/login", ("key", key));

    public Task<HttpResponseMessage> PostAsync(string path, params (string Name, string Value)[] fields) => SendAsync(
        new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))),
        });

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        if (Cookie is not null) request.Headers.Add("Cookie", Cookie);
        var answer = await _client.SendAsync(request);
        if (answer.Headers.TryGetValues("Set-Cookie", out var cookies)) Cookie = cookies.Last().Split(';')[0];
        return answer;
    }

    /// <summary>What the forms of the pages carry.</summary>
    public async Task<string> CsrfAsync()
    {
        using var page = await GetAsync("/");
        return Regex.Match(await page.Content.ReadAsStringAsync(), "name=\"csrf\" value=\"(\\w+)\"").Groups[1].Value;
    }

    public void Dispose() => _client.Dispose();
}
