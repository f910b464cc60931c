using System.Security.Claims;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Health;

/// <summary>The room of health: what this server says about itself.</summary>
internal static class HealthEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddHealth(this IServiceCollection services) => services.AddSingleton<ServerHealth>();

    /// <summary>
    /// Maps <c>/health</c>, which needs no key: it says to everybody whether the server is well, and what is not to those who see all
    /// devices, for it names devices and releases. Warnings change neither the word nor the status.
    /// </summary>
    public static void MapHealth(this WebApplication app)
        => app.MapGet(
            "/health", async (ClaimsPrincipal user, ServerHealth health, IFleetStore store, CancellationToken cancellationToken) =>
        {
            IReadOnlyList<string> problems = await store.ProblemAsync(cancellationToken) is { } problem
                ? [problem, .. health.Problems]
                : health.Problems;
            var answer = new HealthResponse(problems.Count > 0 ? "troubled" : "ok", ProtocolVersion.Current);
            if (SeesAll(user)) answer = answer with { Version = ServerVersion.Current, Problems = problems, Warnings = health.Warnings };
            return Results.Json(
                answer, FleetJson.Default.HealthResponse,
                statusCode: problems.Count > 0 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
        }).ForEverybody();

    private static bool SeesAll(ClaimsPrincipal user) => Roles.ThatPass(Roles.Viewer).Any(user.IsInRole) && !Caller.Of(user).IsLimited;
}
