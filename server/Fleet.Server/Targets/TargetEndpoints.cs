using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>The room of standing targets: what it registers, and what operators may call.</summary>
internal static class TargetEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddTargets(this IServiceCollection services) => services
        .AddDocument("target", TargetsJson.Default.Target)
        .AddDocument("pin", TargetsJson.Default.Pin)
        .AddSingleton<ConvergenceQueue>()
        .AddSingleton<IDeviceObserver>(provider => provider.GetRequiredService<ConvergenceQueue>())
        .AddSingleton<IReportedStateObserver>(provider => provider.GetRequiredService<ConvergenceQueue>())
        .AddSingleton<IDeviceEnd, PinnedEnd>()
        .AddSingleton<SecondPerson>()
        .AddSingleton<OrderTimes>()
        .AddSingleton<TargetOrders>()
        .AddHostedService<Reconciler>();

    /// <summary>Maps <c>/api/v1/targets</c> and <c>/api/v1/pins</c>.</summary>
    public static void MapTargets(this IEndpointRouteBuilder operators)
    {
        var targets = operators.MapGroup("/api/v1/targets");
        targets.MapGet("/", async (
            [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store, TimeProvider time,
            CancellationToken cancellationToken)
            => Paging.PageOf(
                context, page, await store.TargetViewsAsync(caller.Devices, time.GetUtcNow(), cancellationToken), view => view.Name,
                FleetJson.Default.IReadOnlyListTargetView)).ForViewers()
            .Tells<IReadOnlyList<TargetView>>("ListTargets", "Lists standing targets and where their devices are.");
        targets.MapGet("/{name}", ViewAsync).ForViewers().Tells<TargetView>("GetTarget", "Shows a target.");
        targets.MapPut("/{name}", SetAsync).ForOperators().Takes<SetTargetRequest>()
            .Tells<TargetView>("SetTarget", "Sets what devices serve, all of them at once.");
        targets.MapDelete("/{name}", RemoveAsync).ForOperators()
            .TellsNothing("RemoveTarget", "Removes a target; its devices keep what they serve.");
        var pins = operators.MapGroup("/api/v1/pins");
        pins.MapGet("/", PinsAsync).ForViewers().Tells<IReadOnlyList<PinView>>("ListPins", "Lists pinned devices.");
        pins.MapPut("/{device}/{model}", PinAsync).ForOperators().Takes<SetPinRequest>()
            .Tells<PinView>("PinDevice", "Holds a device on a release of a model.");
        pins.MapDelete("/{device}/{model}", UnpinAsync).ForOperators().TellsNothing("UnpinDevice", "Lets a pinned device go.");
    }

    private static async Task<IResult> ViewAsync(
        string name, Caller caller, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
        => (await store.TargetViewsAsync(caller.Devices, time.GetUtcNow(), cancellationToken)).FirstOrDefault(
            view => view.Name == name) is { } found
            ? Results.Json(found, FleetJson.Default.TargetView)
            : TargetOrders.Unknown(name).ToResult();

    private static async Task<IResult> SetAsync(
        string name, HttpRequest request, Caller caller, TargetOrders orders, IFleetStore store, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.SetTargetRequest, cancellationToken);
        if (sent.Value is null) return sent.Problem!.ToResult();
        // A filter that does not read is refused with the other rules.
        if (DeviceFilter.TryParse(sent.Value.Filter, out var filter, out _) && caller.WhyNot(filter) is { } reason)
            return Refusal.Forbidden(reason).ToResult();
        return (await orders.SetAsync(name, sent.Value, cancellationToken)).Problem?.ToResult()
            ?? await ViewAsync(name, caller, store, time, cancellationToken);
    }

    private static async Task<IResult> RemoveAsync(
        string name, Caller caller, TargetOrders orders, IFleetStore store, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Target>(name, cancellationToken) is { Document.Filter: var text }
            && DeviceFilter.TryParse(text, out var filter, out _) && caller.WhyNot(filter) is { } reason)
            return Refusal.Forbidden(reason).ToResult();
        return (await orders.RemoveAsync(name, cancellationToken)).Problem?.ToResult() ?? Results.NoContent();
    }

    private static async Task<IResult> PinsAsync(
        [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store, CancellationToken cancellationToken)
        => Paging.PageOf(
            context, page, await store.PinViewsAsync(caller, cancellationToken), pin => Pin.IdOf(pin.Device, pin.Model),
            FleetJson.Default.IReadOnlyListPinView);

    private static async Task<IResult> PinAsync(
        string device, string model, HttpRequest request, Caller caller, TargetOrders orders, IFleetStore store,
        CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.SetPinRequest, cancellationToken);
        if (sent.Value is null) return sent.Problem!.ToResult();
        if (await store.DeviceAsync(caller, device, cancellationToken) is not { Document: { } found })
            return Refusal.Unknown($"There is no device '{device}'.").ToResult();
        var answer = await orders.PinAsync(found, model, sent.Value.Version, cancellationToken);
        return answer.Problem?.ToResult() ?? Results.Json(answer.Value!.ToView(), FleetJson.Default.PinView);
    }

    private static async Task<IResult> UnpinAsync(
        string device, string model, Caller caller, TargetOrders orders, IFleetStore store, CancellationToken cancellationToken)
        => await store.DeviceAsync(caller, device, cancellationToken) is { Document.Id: var id }
            ? (await orders.UnpinAsync(id, model, cancellationToken)).Problem?.ToResult() ?? Results.NoContent()
            : Refusal.Unknown($"There is no device '{device}'.").ToResult();
}
