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

    /// <summary>Maps <c>/health</c>, which needs no key.</summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/health", async (ServerHealth health, IFleetStore store, CancellationToken cancellationToken) =>
        {
            IReadOnlyList<string> problems = await store.ProblemAsync(cancellationToken) is { } problem
                ? [problem, .. health.Problems]
                : health.Problems;
            return problems.Count > 0
                ? Answer("troubled", problems, StatusCodes.Status503ServiceUnavailable)
                : Answer("ok", [], StatusCodes.Status200OK);
        }).ForEverybody();

        IResult Answer(string status, IReadOnlyList<string> problems, int code)
            => Results.Json(
                new HealthResponse(status, ServerVersion.Current, ProtocolVersion.Current) { Problems = problems },
                FleetJson.Default.HealthResponse, statusCode: code);
    }
}
