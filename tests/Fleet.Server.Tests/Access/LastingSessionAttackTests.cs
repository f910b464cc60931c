using System.Net;
using Fleet.Contracts.Devices;
using Fleet.Server.Access;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Http;

namespace Fleet.Server.Tests.Access;

/// <summary>
/// Somebody who stays signed in by a provider of identities that vouches for the person no more. Found in review: nobody else could end
/// such a session, no setting changed one, and one that was opened while the clock was ahead lasted as long as that.
/// </summary>
public sealed class LastingSessionAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly AccessOptions Options = new() { OpenIdAuthority = "https://login.example", OpenIdClient = "fleet" };

    private readonly TurnedClock _clock = new();

    [Fact]
    public async Task Session_opened_while_the_clock_was_ahead_ends_when_it_is_corrected()
    {
        var ahead = TimeSpan.FromDays(800);
        _clock.Turn(-ahead, TimeSpan.Zero);
        var cookie = await SignedInAsync();
        _clock.Turn(TimeSpan.FromMinutes(5), TimeSpan.Zero);
        Assert.True(await IsSignedInAsync(cookie, Options));
        _clock.Turn(ahead, TimeSpan.FromHours(1));
        Assert.False(await IsSignedInAsync(cookie, Options));
    }

    [Fact]
    public async Task Session_lasts_no_longer_than_a_lifetime_that_was_shortened_since()
    {
        var cookie = await SignedInAsync();
        _clock.Turn(TimeSpan.Zero, TimeSpan.FromHours(1));
        Assert.True(await IsSignedInAsync(cookie, Options));
        Assert.False(await IsSignedInAsync(cookie, Options with { SessionLifetime = TimeSpan.FromMinutes(30) }));
    }

    [Fact]
    public async Task Session_ends_with_the_settings_that_gave_its_roles_and_devices()
    {
        var cookie = await SignedInAsync();
        AccessOptions[] changes =
        [
            Options with { OpenIdFilterClaim = "devices" },
            Options with { OpenIdRoles = "line-3=viewer" },
            Options with { OpenIdAuthority = "https://other.example" },
            Options with { OpenIdAuthority = null },
        ];
        foreach (var changed in changes) Assert.False(await IsSignedInAsync(cookie, changed));
        Assert.True(await IsSignedInAsync(cookie, Options));
    }

    [Fact]
    public async Task Admin_signs_out_somebody_whom_the_provider_has_let_in_and_nobody_else_does()
    {
        await using var provider = await IdentityProvider.StartAsync();
        await using var own = new RunningServer(provider.Settings);
        await own.InitializeAsync();
        using var browser = new OpenIdBrowser(own.Addresses.Api);
        await browser.SignInAsync("/");
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/"));
        using var limited = await own.ApiAsync("op", [Roles.Operator]);
        using var unfit = await limited.DeleteAsync(new Uri("/api/v1/sessions?name=oidc/anna", UriKind.Relative));
        using var unread = await limited.GetAsync(new Uri("/api/v1/sessions", UriKind.Relative));
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (unfit.StatusCode, unread.StatusCode));
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/"));

        Assert.Contains("\"oidc/anna\"", await own.Operator.GetStringAsync("/api/v1/sessions"), StringComparison.Ordinal);
        using var ended = await own.Operator.DeleteAsync(new Uri("/api/v1/sessions?name=oidc/anna", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, await browser.StatusOfAsync("/"));
        using var again = await own.Operator.DeleteAsync(new Uri("/api/v1/sessions?name=oidc/anna", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    private Sessions SessionsBy(AccessOptions options) => new(server.Store, options, _clock);

    private async Task<string> SignedInAsync()
    {
        var context = new DefaultHttpContext();
        await SessionsBy(Options).OpenAsync(context, new Caller("oidc/anna", [Roles.Operator], DeviceFilter.All), null);
        return context.Response.Headers.SetCookie.ToString().Split(';')[0];
    }

    private async Task<bool> IsSignedInAsync(string cookie, AccessOptions options)
    {
        var request = new DefaultHttpContext().Request;
        request.Headers.Cookie = cookie;
        return await SessionsBy(options).FindAsync(request, default) is not null;
    }
}
