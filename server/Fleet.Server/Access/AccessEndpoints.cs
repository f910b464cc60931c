using Fleet.Server.Http;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Authentication;

namespace Fleet.Server.Access;

/// <summary>The room of access: who may call what. Groups made here are handed to the rooms, which map their endpoints in them.</summary>
internal static class AccessEndpoints
{
    /// <summary>
    /// The scheme that asks the one of the request: a key that is sent counts before a cookie, which a browser always sends.
    /// </summary>
    private const string Chosen = "Caller";

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        // Only the core of authentication: its full registration brings key rings for cookies, which nothing here uses.
        services.AddAuthenticationCore(authentication => authentication.DefaultScheme = Chosen);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddPolicyScheme(Chosen, null, choice => choice.ForwardDefaultSelector = SchemeOf)
            .AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(KeyAuthentication.SchemeName, null)
            .AddScheme<AuthenticationSchemeOptions, SessionAuthentication>(SessionAuthentication.SchemeName, null)
            .AddOpenId();
        var authorization = services.AddAuthorizationBuilder();
        foreach (var role in Roles.OfKeys) authorization.AddPolicy(role, policy => policy.RequireRole(Roles.ThatPass(role)));
        return services
            .AddLogging(logging => logging.AddFilter(typeof(KeyAuthentication).FullName, LogLevel.Warning)
                .AddFilter(typeof(SessionAuthentication).FullName, LogLevel.Warning))
            .AddDocument("apiKey", AccessJson.Default.ApiKey)
            .AddDocument("session", AccessJson.Default.Session)
            .AddSingleton<Sessions>()
            .AddSingleton<ApiKeys>()
            .AddSingleton<FailureLimit>()
            .AddSingleton<CallerCheck>()
            .AddHostedService<KeyFiles>();
    }

    /// <summary>Makes every request known by its key.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
    }

    /// <summary>What people and their programs call. Each endpoint says which role it needs; what says nothing is for admins.</summary>
    public static RouteGroupBuilder MapOperatorCalls(this IEndpointRouteBuilder app) => app.MapGroup("").ForAdminsUnlessStated();

    /// <summary>What workers call.</summary>
    public static RouteGroupBuilder MapWorkerCalls(this IEndpointRouteBuilder app) => app.MapGroup("").ForWorkers();

    private static string SchemeOf(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length == 0 && context.Request.Cookies.ContainsKey(Sessions.Cookie)) return SessionAuthentication.SchemeName;
        var takesTokens = context.RequestServices.GetRequiredService<AccessOptions>().TakesTokens;
        return takesTokens && !ApiKey.IsShapedLike(header) ? OpenIdSignIn.Programs : KeyAuthentication.SchemeName;
    }
}
