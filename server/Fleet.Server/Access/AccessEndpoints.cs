using Fleet.Server.Http;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Authentication;

namespace Fleet.Server.Access;

/// <summary>The room of access: who may call what. Groups made here are handed to the rooms, which map their endpoints in them.</summary>
internal static class AccessEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        // Only the core of authentication: its full registration brings key rings for cookies, which nothing here uses.
        services.AddAuthenticationCore(authentication => authentication.DefaultScheme = KeyAuthentication.SchemeName);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(KeyAuthentication.SchemeName, null);
        var authorization = services.AddAuthorizationBuilder();
        foreach (var role in Roles.OfKeys) authorization.AddPolicy(role, policy => policy.RequireRole(Roles.ThatPass(role)));
        return services
            .AddLogging(logging => logging.AddFilter(typeof(KeyAuthentication).FullName, LogLevel.Warning))
            .AddDocument("apiKey", AccessJson.Default.ApiKey)
            .AddSingleton<ApiKeys>()
            .AddSingleton<FailureLimit>()
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
}
