using System.Net;
using System.Text.RegularExpressions;
using Fleet.Server.Access;

namespace Fleet.Server.Tests.Access;

/// <summary>Signing in at a real provider of identities, and programs that call with a token of it.</summary>
public sealed class OpenIdTests : IAsyncLifetime
{
    private IdentityProvider _provider = null!;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await IdentityProvider.StartAsync();
        _server = new RunningServer(_provider.Settings);
        await _server.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Person_signs_in_at_the_provider_and_comes_back_with_the_roles_it_says()
    {
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        Assert.Contains("/login/openid/start", await browser.PageAsync("/login"), StringComparison.Ordinal);
        var page = await browser.SignInAsync("/devices");
        Assert.Contains("content=\"0;url=/devices\"", page, StringComparison.Ordinal);
        Assert.Contains("oidc/anna, operator", await browser.PageAsync("/devices"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await browser.StatusOfAsync("/audit"));

        var trail = await _server.Operator.GetStringAsync("/api/v1/audit?who=oidc/anna");
        Assert.Contains("GET /login/openid", trail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Value_of_a_claim_gives_the_role_that_the_settings_say()
    {
        _provider.Person = ("chief", ["chiefs", "unknown"]);
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        await browser.SignInAsync("/");
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/audit"));
    }

    [Fact]
    public async Task Person_without_a_role_is_not_let_in_and_noted()
    {
        _provider.Person = ("guest", ["visitors", "admin", "worker"]);
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        Assert.Contains("has no role here", await browser.SignInAsync("/"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Redirect, await browser.StatusOfAsync("/"));
        Assert.Contains(
            "'guest' has no role here", Regex.Unescape(await _server.Operator.GetStringAsync("/api/v1/audit?limit=1")),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Program_calls_with_a_token_of_the_provider()
    {
        using var robot = _server.ApiAs(await _provider.TokenAsync());
        Assert.Equal(HttpStatusCode.OK, (await robot.GetAsync("/api/v1/devices")).StatusCode);
        using var made = await RunningServer.PostAsync(robot, "/api/v1/tokens", """{"uses":1,"validFor":"01:00:00"}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var refused = await RunningServer.PostAsync(robot, "/api/v1/api-keys", """{"name":"a","roles":["admin"]}""");
        Assert.Equal("'oidc/robot' has the role operator; POST /api/v1/api-keys needs admin.",
            (await RunningServer.ProblemOf(refused)).Title);
    }

    [Fact]
    public async Task Keys_go_on_working_beside_the_provider()
        => Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync("/api/v1/devices")).StatusCode);

    [Fact]
    public void Settings_that_would_not_work_are_all_named()
    {
        var problems = new AccessOptions
        {
            OpenIdAuthority = "http://login.example",
            OpenIdAudience = "fleet",
            OpenIdClient = "fleet",
            OpenIdSecretFile = "/nowhere/secret",
            OpenIdRoles = "a=admin,b=worker,c",
        }.Problems();
        Assert.Equal(4, problems.Count);
        Assert.Contains(problems, problem => problem.Contains("must be an https address", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("must differ from Fleet:Access:OpenIdClient", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("/nowhere/secret", StringComparison.Ordinal));
        Assert.Contains(problems,
            problem => problem.Contains("each role one of viewer, operator, approver, admin", StringComparison.Ordinal));
    }
}
