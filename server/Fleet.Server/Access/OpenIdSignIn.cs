using System.Net;
using System.Text.Encodings.Web;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Fleet.Server.Access;

/// <summary>Signing in at a provider of identities (OpenID Connect), and programs that call with a token of it.</summary>
internal static class OpenIdSignIn
{
    /// <summary>The scheme of people, who come back from the provider.</summary>
    public const string People = "OpenId";

    /// <summary>The scheme of programs, which send a token.</summary>
    public const string Programs = "OpenIdToken";

    /// <summary>Where a person sets out for the provider.</summary>
    public const string StartPath = $"{SignIn.Path}/openid/start";

    private const string ReturnPath = $"{SignIn.Path}/openid";

    /// <summary>Registers the schemes that the settings ask for.</summary>
    public static AuthenticationBuilder AddOpenId(this AuthenticationBuilder authentication)
    {
        var options = authentication.Services.Select(service => service.ImplementationInstance).OfType<AccessOptions>().Single();
        if (options.OpenIdAuthority is null) return authentication;
        authentication.Services.AddAuthentication();
        // What a browser carries to the provider and back need not outlive the server: no key ring on disk.
        authentication.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        authentication.AddOpenIdConnect(People, scheme => Configure(scheme, options));
        // After the schemes' own, which makes what fetches.
        authentication.Services.PostConfigure<OpenIdConnectOptions>(
            People,
            scheme => scheme.ConfigurationManager = new ProviderConfiguration(scheme.ConfigurationManager!, options));
        if (!options.TakesTokens) return authentication;
        authentication.AddJwtBearer(Programs, scheme => Configure(scheme, options));
        authentication.Services.PostConfigure<JwtBearerOptions>(
            Programs,
            scheme => scheme.ConfigurationManager = new ProviderConfiguration(scheme.ConfigurationManager!, options));
        return authentication;
    }

    /// <summary>Maps where a person sets out for the provider.</summary>
    public static void MapOpenId(this IEndpointRouteBuilder app) => app.MapGet(StartPath, (HttpContext context, AccessOptions options)
        => options.OpenIdAuthority is null
            ? Refusal.Unknown("No provider of identities is set up: Fleet:Access:OpenIdAuthority names one.").ToResult()
            : Results.Challenge(
                new AuthenticationProperties { RedirectUri = SignIn.ReturnPath(context.Request.Query["return"]) }, [People]))
                    .ForEverybody();

    private static void Configure(OpenIdConnectOptions scheme, AccessOptions options)
    {
        scheme.Authority = options.OpenIdAuthority;
        scheme.RequireHttpsMetadata = IsElsewhere(options);
        scheme.BackchannelTimeout = options.OpenIdPatience;
        scheme.ClientId = options.OpenIdClient;
        scheme.ClientSecret = options.OpenIdSecretFile is { } file ? File.ReadAllText(file).Trim() : null;
        scheme.ResponseType = OpenIdConnectResponseType.Code;
        // By query: a form that another site posts would come without the cookies that prove who set out.
        scheme.ResponseMode = OpenIdConnectResponseMode.Query;
        scheme.CallbackPath = ReturnPath;
        scheme.SignInScheme = SessionAuthentication.SchemeName;
        scheme.MapInboundClaims = false;
        scheme.CorrelationCookie.SameSite = scheme.NonceCookie.SameSite = SameSiteMode.Lax;
        scheme.CorrelationCookie.SecurePolicy = scheme.NonceCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        scheme.Events.OnTicketReceived = SignInAsync;
        scheme.Events.OnRemoteFailure = RefuseAsync;
    }

    private static void Configure(JwtBearerOptions scheme, AccessOptions options)
    {
        scheme.Authority = options.OpenIdAuthority;
        scheme.RequireHttpsMetadata = IsElsewhere(options);
        scheme.BackchannelTimeout = options.OpenIdPatience;
        scheme.Audience = options.OpenIdAudience;
        scheme.MapInboundClaims = false;
        scheme.Events = new JwtBearerEvents
        {
            OnTokenValidated = context =>
            {
                var (caller, problem) = OpenIdCallers.Of(context.Principal!, options);
                if (caller is null) context.Fail(problem);
                else context.Principal = new(caller.ToIdentity(Programs, "token"));
                return Task.CompletedTask;
            },
            OnChallenge = ChallengeAsync,
            OnForbidden = context => SignIn.ForbidAsync(context.HttpContext),
        };
    }

    private static bool IsElsewhere(AccessOptions options)
        => options.OpenIdAuthority?.StartsWith("https:", StringComparison.Ordinal) != false;

    private static async Task SignInAsync(TicketReceivedContext context)
    {
        var services = context.HttpContext.RequestServices;
        var (caller, problem) = OpenIdCallers.Of(context.Principal!, services.GetRequiredService<AccessOptions>());
        RequestNotes.Of(context.HttpContext).IsSignIn = true;
        context.HandleResponse();
        if (caller is null)
        {
            await Refusal.Forbidden(problem).ToResult().ExecuteAsync(context.HttpContext);
            return;
        }
        RequestNotes.Of(context.HttpContext).Who = caller.Name;
        await services.GetRequiredService<Sessions>().OpenAsync(context.HttpContext, caller, null);
        await GoOnAsync(context.HttpContext, SignIn.ReturnPath(context.ReturnUri));
    }

    /// <summary>
    /// A page that goes on by itself: a redirection would belong to the way that began at the provider, another site, and the browser would
    /// leave the new cookie out.
    /// </summary>
    private static Task GoOnAsync(HttpContext context, string path)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        var target = HtmlEncoder.Default.Encode(path);
        return context.Response.WriteAsync(
            $"<!DOCTYPE html><html lang=\"en\"><head><title>Signed in</title><meta http-equiv=\"refresh\" "
                + $"content=\"0;url={target}\"></head>"
                + $"<body><a href=\"{target}\">Signed in</a></body></html>", context.RequestAborted);
    }

    private static Task RefuseAsync(RemoteFailureContext context)
    {
        RequestNotes.Of(context.HttpContext).IsSignIn = true;
        context.HandleResponse();
        if (ProviderConfiguration.IsUnreachable(context.Failure))
            throw ProviderConfiguration.Unreachable(
                context.HttpContext.RequestServices.GetRequiredService<AccessOptions>().OpenIdAuthority, context.Failure!);
        return new ApiProblem(
            "The provider of identities did not vouch for anybody.", StatusCodes.Status401Unauthorized,
            context.Failure is { } failure ? [failure.Message] : []).ToResult().ExecuteAsync(context.HttpContext);
    }

    private static Task ChallengeAsync(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var failures = context.HttpContext.RequestServices.GetRequiredService<FailureLimit>();
        var isTooMany = failures.IsTooMany(context.HttpContext.Connection.RemoteIpAddress ?? IPAddress.None);
        var why = context.AuthenticateFailure is { } failure ? [failure.Message] : Array.Empty<string>();
        return SignIn.ChallengeAsync(context.HttpContext, isTooMany
            ? new ApiProblem(
                "Too many wrong tokens came from this address: wait a minute.", StatusCodes.Status429TooManyRequests, [])
            : new ApiProblem("The token is not accepted.", StatusCodes.Status401Unauthorized, why));
    }
}
