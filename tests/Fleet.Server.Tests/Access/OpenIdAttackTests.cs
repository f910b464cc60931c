using System.Net;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Access;

/// <summary>Tokens and ways back that nobody vouched for.</summary>
public sealed class OpenIdAttackTests : IAsyncLifetime
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
    public async Task Token_made_for_somebody_else_is_refused()
    {
        _provider.Audience = "another-service";
        await RefusedAsync(await _provider.TokenAsync());
    }

    [Fact]
    public async Task Token_of_another_provider_is_refused()
    {
        await using var other = await IdentityProvider.StartAsync();
        await RefusedAsync(await other.TokenAsync());
    }

    [Fact]
    public async Task Token_whose_claims_were_changed_or_whose_signature_was_taken_away_is_refused()
    {
        var parts = (await _provider.TokenAsync()).Split('.');
        var claims = System.Text.Encoding.UTF8.GetString(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(parts[1]));
        var forged = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(claims.Replace("operator", "chiefs", StringComparison.Ordinal));
        await RefusedAsync($"{parts[0]}.{forged}.{parts[2]}");
        await RefusedAsync($"{Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode("""{"alg":"none","typ":"at+jwt"}""")}.{forged}.");
    }

    [Fact]
    public async Task Way_back_that_this_browser_did_not_set_out_on_is_refused()
    {
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        var back = await browser.WayBackAsync("/");
        using var victim = new OpenIdBrowser(_server.Addresses.Api);
        Assert.Equal(HttpStatusCode.Unauthorized, await victim.StatusOfAsync(back));
        Assert.Equal(HttpStatusCode.Redirect, await victim.StatusOfAsync("/"));
    }

    [Fact]
    public async Task Provider_that_is_away_is_said_to_be_to_people_and_programs()
    {
        var token = await _provider.TokenAsync();
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        using var client = _server.ApiAs(token);
        await _provider.DisposeAsync();

        using var started = await browser.StartAsync("/");
        using var called = await client.GetAsync("/api/v1/devices");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, started.StatusCode);
        Assert.Contains(
            "The provider of identities", await started.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, called.StatusCode);
        Assert.Equal(
            $"The provider of identities at {_provider.Address} cannot be reached: try again later, or with an API key.",
            (await RunningServer.ProblemOf(called)).Title);
        Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync("/api/v1/devices")).StatusCode);
    }

    [Fact]
    public async Task Provider_that_is_away_when_somebody_comes_back_is_said_to_be()
    {
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        var back = await browser.WayBackAsync("/");
        await _provider.DisposeAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await browser.StatusOfAsync(back));
    }

    private async Task RefusedAsync(string token)
    {
        using var client = _server.ApiAs(token);
        // Until the server has read the provider's keys, for which a busy machine may be too slow, it asks to try again.
        using var answer = await Eventually.ValueAsync("the token is judged", async () =>
        {
            var said = await client.GetAsync("/api/v1/devices");
            if (said.StatusCode != HttpStatusCode.ServiceUnavailable) return said;
            said.Dispose();
            return null;
        });
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("The token is not accepted.", (await RunningServer.ProblemOf(answer)).Title);
    }
}
