using System.Security.Claims;
using Fleet.Server.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Fleet.Server.Tests.Access;

/// <summary>
/// A real provider of identities (OpenIddict) on a port of its own: whoever comes is the person it is told to vouch for, and the program
/// "robot" gets tokens with its secret.
/// </summary>
public sealed class IdentityProvider : IAsyncDisposable
{
    public const string Client = "fleet-pages";
    public const string Robot = "robot";
    public const string Secret = "the secret of the robot";

    private readonly WebApplication _app;

    private IdentityProvider(WebApplication app)
        => (_app, Address) = (app, app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <summary>Who comes, and the roles the provider says the person has.</summary>
    public (string Name, string[] Roles) Person { get; set; } = ("anna", ["operator"]);

    /// <summary>What tokens are made for.</summary>
    public string Audience { get; set; } = "fleet";

    public string Address { get; }

    public static async Task<IdentityProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        IdentityProvider provider = null!;
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddict().AddServer(server =>
        {
            server.EnableDegradedMode().SetAuthorizationEndpointUris("authorize").SetTokenEndpointUris("token");
            server.AllowAuthorizationCodeFlow().AllowClientCredentialsFlow().RegisterScopes(Scopes.Profile);
            server.AddEphemeralEncryptionKey().AddEphemeralSigningKey().DisableAccessTokenEncryption();
            server.UseAspNetCore().DisableTransportSecurityRequirement();
            server.AddEventHandler<OpenIddictServerEvents.ValidateAuthorizationRequestContext>(
                handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != Client) context.Reject(Errors.InvalidClient);
                return default;
            }));
            server.AddEventHandler<OpenIddictServerEvents.ValidateTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                var known = context.ClientId == Client || (context.ClientId == Robot && context.ClientSecret == Secret);
                if (!known) context.Reject(Errors.InvalidClient);
                return default;
            }));
            server.AddEventHandler<OpenIddictServerEvents.HandleAuthorizationRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                context.SignIn(provider.Vouch(provider.Person.Name, context.Request.GetScopes()));
                return default;
            }));
            server.AddEventHandler<OpenIddictServerEvents.HandleTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.Request.IsClientCredentialsGrantType()) context.SignIn(provider.Vouch(Robot, []));
                return default;
            }));
        });
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        await app.StartAsync();
        return provider = new IdentityProvider(app);
    }

    /// <summary>The settings of a server that signs people in here.</summary>
    public string[] Settings =>
    [
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdAuthority)}={Address}",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdClient)}={Client}",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdAudience)}=fleet",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdRoles)}=chiefs=admin,operator=operator,lookers=viewer",
    ];

    /// <summary>A token of the robot.</summary>
    public async Task<string> TokenAsync()
    {
        using var client = new HttpClient { BaseAddress = new Uri(Address) };
        using var answer = await client.PostAsync("token", new FormUrlEncodedContent(
            [new("grant_type", "client_credentials"), new("client_id", Robot), new("client_secret", Secret)]));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, body);
        return System.Text.Json.JsonDocument.Parse(body).RootElement.GetProperty("access_token").GetString()!;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private ClaimsPrincipal Vouch(string name, IEnumerable<string> scopes)
    {
        var identity = new ClaimsIdentity("provider", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, name);
        foreach (var role in Person.Roles) identity.AddClaim(new Claim("roles", role));
        identity.SetScopes(scopes);
        identity.SetResources(Audience);
        identity.SetDestinations(_ => [Destinations.AccessToken, Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity);
    }
}
