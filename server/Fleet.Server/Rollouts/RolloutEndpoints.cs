using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Artifacts;
using Fleet.Server.Http;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The room of rollouts: what it registers and what operators may call.</summary>
internal static class RolloutEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddRollouts(this IServiceCollection services) => services
        .AddDocument("rollout", RolloutJson.Default.Rollout)
        .AddDocument("rolloutMembers", RolloutJson.Default.RolloutMembers)
        .AddDocument("openRollout", RolloutJson.Default.OpenRollout)
        .AddDocument("deviceRollout", RolloutJson.Default.DeviceRollout)
        .AddDocument("rolloutCanary", RolloutJson.Default.CanaryRecord)
        .AddSingleton<CanaryWatch>()
        .AddDocument("pendingReturn", RolloutJson.Default.PendingReturn)
        .AddDocument("fetchedBytes", RolloutJson.Default.FetchedBytes)
        .AddSingleton<FetchLedger>()
        .AddSingleton<IArtifactMeter>(provider => provider.GetRequiredService<FetchLedger>())
        .AddHostedService(provider => provider.GetRequiredService<FetchLedger>())
        .AddSingleton<RolloutWake>()
        .AddSingleton<FormerReleases>()
        .AddSingleton<ITargetHistory>(provider => provider.GetRequiredService<FormerReleases>())
        .AddSingleton<RolloutTargets>()
        .AddSingleton<Releases.IWithdrawalObserver, WithdrawnTargets>()
        .AddSingleton<WaveOpening>()
        .AddSingleton<RolloutReversal>()
        .AddSingleton<RolloutEnding>()
        .AddSingleton<RolloutOrders>()
        .AddSingleton<ITargetMove, RolloutMembership>()
        .AddSingleton<Devices.IReportedStateObserver, RolloutReports>()
        .AddSingleton<RolloutRetention>()
        .AddHostedService(provider => provider.GetRequiredService<RolloutRetention>())
        .AddHostedService<RolloutEngine>();

    /// <summary>Maps <c>/api/v1/rollouts</c>.</summary>
    public static void MapRollouts(this IEndpointRouteBuilder operators)
    {
        var rollouts = operators.MapGroup("/api/v1/rollouts");
        rollouts.MapPost("/", async (
            HttpRequest request, Caller caller, RolloutOrders orders, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var plan = await RequestBody.ReadAsync(request, FleetJson.Strict.RolloutPlan, cancellationToken);
            if (plan.Value is null) return plan.Problem!.ToResult();
            var reason = WhyNot(caller, plan.Value) ?? await WhyNotSupersedeAsync(caller, plan.Value, store, cancellationToken);
            return reason is not null
                ? Refusal.Forbidden(reason).ToResult()
                : await ViewAsync(
                    store, await orders.StartAsync(plan.Value, caller.Name, cancellationToken), cancellationToken,
                    StatusCodes.Status201Created);
        }).ForOperators().Takes<RolloutPlan>()
            .Tells<RolloutView>("StartRollout", "Starts a rollout by a plan.", StatusCodes.Status201Created);
        rollouts.MapPost("/preview",
            async (HttpRequest request, Caller caller, RolloutOrders orders, CancellationToken cancellationToken) =>
        {
            var plan = await RequestBody.ReadAsync(request, FleetJson.Strict.RolloutPlan, cancellationToken);
            if (plan.Value is null) return plan.Problem!.ToResult();
            return WhyNot(caller, plan.Value) is { } reason
                ? Refusal.Forbidden(reason).ToResult()
                : (await orders.PreviewAsync(plan.Value, cancellationToken)).ToResult(FleetJson.Default.RolloutPreview);
        }).ForOperators().WithMetadata(new ChangesNothing()).Takes<RolloutPlan>()
            .Tells<RolloutPreview>("PreviewRollout", "Tells who would get what by a plan, and why others would not; changes nothing.");
        rollouts.MapGet("/", async (
            [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store, CancellationToken cancellationToken)
            => Paging.Answer(
                context,
                await store.SeenByAsync(
                    caller, await store.RolloutViewsAsync(page.After, page.Size + 1, cancellationToken), cancellationToken),
                page, rollout => rollout.Id, FleetJson.Default.IReadOnlyListRolloutView)).ForViewers()
                    .Tells<IReadOnlyList<RolloutView>>("ListRollouts", "Lists rollouts, the newest first.");
        rollouts.MapGet("/{id}", GetAsync).ForViewers()
            .Tells<RolloutView>("GetRollout", "Shows a rollout with its waves and the first of its devices.");
        rollouts.MapGet("/{id}/devices", DevicesAsync).ForViewers()
            .Tells<IReadOnlyList<DeviceRolloutView>>(
                "ListRolloutDevices", "Lists the devices of a rollout, by wave and id: all of them, or those of one status.");
        MapOrders(rollouts);
    }

    private static void MapOrders(RouteGroupBuilder rollouts)
    {
        MapOrder("pause", "Pauses a rollout: no further device is told.", orders => orders.PauseAsync);
        MapOrder("retry", "Asks every device that failed once more.", orders => orders.RetryAsync);
        MapOrder("resume", "Resumes a paused rollout.", orders => orders.ResumeAsync);
        MapOrder("abort", "Aborts a rollout for good.", orders => orders.AbortAsync);
        rollouts.MapPost("/{id}/rollback", (
            string id, int? version, string? releases, Caller caller, RolloutOrders orders, IFleetStore store,
            CancellationToken cancellationToken)
            => PlannedRelease.TryParseAll(releases, out var to, out var problem) && (version is null || to.Count == 0)
                ? OrderAsync(id, caller, store, (which, token) => version is null
                    ? orders.RollBackToAsync(which, to, token)
                    : orders.RollBackAsync(which, version, token), cancellationToken)
                : Task.FromResult(Refusal.Invalid(problem ?? "version and releases say the same: one of them is enough.").ToResult()))
            .ForOperators().Tells<RolloutView>(
                "RollBackRollout", "Returns the devices of a rollout to what they last served, or to releases that are named.");
        rollouts.MapPost("/{id}/approve", async (
            string id, Caller caller, RolloutOrders orders, IFleetStore store, CancellationToken cancellationToken) =>
        {
            var rollout = (await store.FindAsync<Rollout>(id, cancellationToken))?.Document;
            if (rollout is not null && WhyNot(caller, rollout.Plan) is { } reason) return Refusal.Forbidden(reason).ToResult();
            return rollout is { Status: RolloutStatus.AwaitingApproval } && rollout.StartedBy == caller.Name
                ? Refusal.Forbidden($"'{caller.Name}' started rollout {id}: somebody else must approve it.").ToResult()
                : await ViewAsync(store, await orders.ApproveAsync(id, caller.Name, cancellationToken), cancellationToken);
        }).ForApprovers().Tells<RolloutView>("ApproveRollout", "Approves a rollout that somebody else has started: it begins.");

        void MapOrder(
            string verb, string summary, Func<RolloutOrders, Func<string, CancellationToken, Task<Answer<Rollout>>>> order)
            => rollouts.MapPost($"/{{id}}/{verb}", (
                string id, Caller caller, RolloutOrders orders, IFleetStore store, CancellationToken cancellationToken)
                => OrderAsync(id, caller, store, order(orders), cancellationToken))
                .ForOperators().Tells<RolloutView>($"{char.ToUpperInvariant(verb[0])}{verb[1..]}Rollout", summary);
    }

    private static async Task<IResult> DevicesAsync(
        string id, string? status, [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store,
        CancellationToken cancellationToken)
    {
        if (!TryRead(status, out var wanted))
            return Refusal.Invalid($"status '{status}' must be waiting, running, succeeded, failed or left.").ToResult();
        if (await store.RolloutViewAsync(id, caller, cancellationToken) is not { } view) return Unknown(id);
        // Cut before it is narrowed: a device that the page before ended with may have another status by now.
        var from = page.After is { } after ? view.Devices.TakeWhile(device => device.Device.Value != after).Count() + 1 : 0;
        if (from > view.Devices.Count)
            return Refusal.Invalid($"after '{page.After}' is no device of rollout {id}: read the list from its start.").ToResult();
        return Paging.Answer(
            context,
            [.. view.Devices.Skip(from).Where(device => wanted is null || device.Status == wanted).Take(page.Size + 1)],
            page, device => device.Device.Value, FleetJson.Default.IReadOnlyListDeviceRolloutView);
    }

    private static async Task<IResult> GetAsync(
        string id, int? limit, HttpContext context, Caller caller, IFleetStore store, CancellationToken cancellationToken)
    {
        if (await store.RolloutViewAsync(id, caller, cancellationToken) is not { } whole) return Unknown(id);
        var view = FirstPageOf(whole, limit ?? PageQuery.Length);
        if (view.MoreDevices > 0) Paging.SayNext(context, view.Devices[^1].Device.Value, $"/api/v1/rollouts/{id}/devices");
        return Results.Json(view, FleetJson.Default.RolloutView);
    }

    /// <summary>A rollout with as many of its devices as a page holds; the others are a list of their own.</summary>
    private static RolloutView FirstPageOf(RolloutView whole, int length = PageQuery.Length) => whole with
    {
        Devices = [.. whole.Devices.Take(length)],
        MoreDevices = Math.Max(0, whole.Devices.Count - length),
    };

    /// <summary>A status by its word; all of them when there is none.</summary>
    private static bool TryRead(string? word, out DeviceRolloutStatus? status)
    {
        status = null;
        if (word is null) return true;
        if (!Enum.TryParse<DeviceRolloutStatus>(word, ignoreCase: true, out var known) || !word.All(char.IsAsciiLetter)) return false;
        status = known;
        return true;
    }

    private static async Task<IResult> OrderAsync(
        string id, Caller caller, IFleetStore store, Func<string, CancellationToken, Task<Answer<Rollout>>> order,
        CancellationToken cancellationToken)
        => await store.FindAsync<Rollout>(id, cancellationToken) is { } stored && WhyNot(caller, stored.Document.Plan) is { } reason
            ? Refusal.Forbidden(reason).ToResult()
            : await ViewAsync(store, await order(id, cancellationToken), cancellationToken);

    /// <summary>A filter that does not read is refused with the other rules of its plan.</summary>
    private static string? WhyNot(Caller caller, RolloutPlan plan)
        => DeviceFilter.TryParse(plan.Filter, out var filter, out _) ? caller.WhyNot(filter) : null;

    /// <summary>Who takes the place of a rollout aborts it, and must be allowed to.</summary>
    private static async Task<string?> WhyNotSupersedeAsync(
        Caller caller, RolloutPlan plan, IFleetStore store, CancellationToken cancellationToken)
    {
        if (!plan.Supersede) return null;
        foreach (var open in await RolloutOrders.OpenOfAsync(store, plan, cancellationToken))
        {
            if (await store.FindAsync<Rollout>(open.Rollout, cancellationToken) is { } stored
                && WhyNot(caller, stored.Document.Plan) is { } reason) return reason;
        }
        return null;
    }

    private static async Task<IResult> ViewAsync(
        IFleetStore store, Answer<Rollout> answer, CancellationToken cancellationToken, int status = StatusCodes.Status200OK)
        => answer switch
        {
            { Problem: { } problem } => problem.ToResult(),
            { Value: var rollout } => Results.Json(
                FirstPageOf((await store.RolloutViewAsync(rollout!.Id, cancellationToken))!), FleetJson.Default.RolloutView,
                statusCode: status),
        };

    private static IResult Unknown(string id) => Refusal.Unknown($"There is no rollout '{id}'.").ToResult();
}
