using Fleet.Contracts;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The room of rollouts: what it registers and what operators may call.</summary>
internal static class RolloutEndpoints
{
    private const int ListLength = 50;

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddRollouts(this IServiceCollection services) => services
        .AddDocument("rollout", RolloutJson.Default.Rollout)
        .AddDocument("rolloutMembers", RolloutJson.Default.RolloutMembers)
        .AddDocument("openRollout", RolloutJson.Default.OpenRollout)
        .AddDocument("deviceRollout", RolloutJson.Default.DeviceRollout)
        .AddSingleton<RolloutWake>()
        .AddSingleton<WaveOpening>()
        .AddSingleton<RolloutReversal>()
        .AddSingleton<RolloutOrders>()
        .AddSingleton<Devices.IReportedStateObserver, RolloutReports>()
        .AddHostedService<RolloutEngine>();

    /// <summary>Maps <c>/api/v1/rollouts</c>; the caller has made sure that it is an operator who calls.</summary>
    public static void MapRollouts(this IEndpointRouteBuilder operators)
    {
        var rollouts = operators.MapGroup("/api/v1/rollouts");
        rollouts.MapPost("/", async (HttpRequest request, RolloutOrders orders, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var plan = await RequestBody.ReadAsync(request, FleetJson.Strict.RolloutPlan, cancellationToken);
            return plan.Value is null ? plan.Problem!.ToResult() : await ViewAsync(
                store, await orders.StartAsync(plan.Value, cancellationToken), StatusCodes.Status201Created, cancellationToken);
        });
        rollouts.MapGet("/", async (IFleetStore store, CancellationToken cancellationToken)
            => Results.Json(await store.RolloutViewsAsync(ListLength, cancellationToken), FleetJson.Default.IReadOnlyListRolloutView));
        rollouts.MapGet("/{id}", async (string id, IFleetStore store, CancellationToken cancellationToken)
            => await store.RolloutViewAsync(id, cancellationToken) is { } view
                ? Results.Json(view, FleetJson.Default.RolloutView)
                : Unknown(id));
        MapOrders(rollouts);
    }

    private static void MapOrders(RouteGroupBuilder rollouts)
    {
        MapOrder("pause", (orders, id, cancellationToken) => orders.PauseAsync(id, cancellationToken));
        MapOrder("resume", (orders, id, cancellationToken) => orders.ResumeAsync(id, cancellationToken));
        MapOrder("abort", (orders, id, cancellationToken) => orders.AbortAsync(id, cancellationToken));
        MapOrder("rollback", (orders, id, cancellationToken) => orders.RollBackAsync(id, cancellationToken));

        void MapOrder(string verb, Func<RolloutOrders, string, CancellationToken, Task<Answer<Rollout>>> order)
            => rollouts.MapPost(
                $"/{{id}}/{verb}", async (string id, RolloutOrders orders, IFleetStore store, CancellationToken cancellationToken)
                => await ViewAsync(store, await order(orders, id, cancellationToken), StatusCodes.Status200OK, cancellationToken));
    }

    private static async Task<IResult> ViewAsync(
        IFleetStore store, Answer<Rollout> answer, int status, CancellationToken cancellationToken) => answer switch
        {
            { Problem: { } problem } => problem.ToResult(),
            { Value: var rollout } => Results.Json(
                await store.RolloutViewAsync(rollout!.Id, cancellationToken), FleetJson.Default.RolloutView, statusCode: status),
        };

    private static IResult Unknown(string id) => Refusal.Unknown($"There is no rollout '{id}'.").ToResult();
}
