using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Audit;
using Fleet.Server.Builds;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;
using Fleet.Server.Telemetry;

namespace Fleet.Server.Dashboard;

/// <summary>
/// The room of the dashboard: pages that only read, rendered whole on the server, and again when what they show has changed; signing in
/// and out. It calls the rooms directly, never over HTTP.
/// </summary>
internal static partial class DashboardEndpoints
{
    private const int PageLength = 100;
    private const int ShownRollouts = 10;
    private const int ShownBuilds = 10;
    private static readonly TimeSpan ShownTime = TimeSpan.FromHours(1);

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddDashboard(this IServiceCollection services)
        => services.AddScoped<PageViewer>().AddSingleton<IProblemPage, ProblemPages>();

    /// <summary>Maps the pages.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder operators)
    {
        var pages = operators.MapGroup("").ForViewers().AddEndpointFilter(SeeViewerAsync);
        pages.MapGet("/", async (Caller caller, IServiceProvider services, CancellationToken cancellationToken)
            => await PageAsync<OverviewPage>(
                services, new() { [nameof(OverviewPage.Data)] = await OverviewAsync(caller, services, cancellationToken) }));

        pages.MapGet("/devices", DevicesAsync);
        pages.MapGet("/devices/{id}", DeviceAsync);
        pages.MapGet("/targets", TargetsAsync);
        pages.MapGet("/telemetry", TelemetryAsync);
        operators.MapGet("/audit", AuditAsync).ForAdmins().AddEndpointFilter(SeeViewerAsync);
        pages.MapGet("/rollouts/{id}", RolloutAsync);
    }

    private static async Task<IResult> RolloutAsync(
        string id, string? after, Caller caller, IServiceProvider services, IFleetStore store, CancellationToken cancellationToken)
    {
        if (await store.RolloutViewAsync(id, caller, cancellationToken) is not { } rollout)
            return Refusal.Unknown($"There is no rollout '{id}'.").ToResult();
        var measured = new List<(string Release, string Words)>();
        foreach (var moved in rollout.Plan.Moved())
        {
            if (await store.FindAsync<Release>(Release.IdOf(moved.Model, moved.Version), cancellationToken) is { Document: var release }
                && release.ReadManifest().Measured is { } by)
                measured.Add(($"{moved}", by.InWords()));
        }
        return await PageAsync<RolloutPage>(services, new()
        {
            [nameof(RolloutPage.Rollout)] = rollout,
            [nameof(RolloutPage.After)] = after,
            [nameof(RolloutPage.Measured)] = measured,
        });
    }

    private static ValueTask<object?> SeeViewerAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        context.HttpContext.RequestServices.GetRequiredService<PageViewer>().Set(context.HttpContext);
        return next(context);
    }

    private static async Task<IResult> AuditAsync(IServiceProvider services, AuditReader reader, CancellationToken cancellationToken)
        => await PageAsync<AuditPage>(services, new()
        {
            [nameof(AuditPage.Lines)] = reader.List(new AuditQuery(null, null, null, PageLength), cancellationToken).Views,
            [nameof(AuditPage.Verification)] = await reader.VerifyAsync(null, null, cancellationToken),
        });

    private static async Task<IResult> DevicesAsync(
        string? after, Caller caller, IServiceProvider services, IFleetStore store, DeviceViews views, CancellationToken cancellationToken)
    {
        var devices = new List<Contracts.Http.DeviceView>();
        await foreach (var device in store.DevicesAsync(caller.Devices, after, cancellationToken).Take(PageLength))
            devices.Add(await views.OfAsync(device.Document, cancellationToken));
        return await PageAsync<DevicesPage>(services, new()
        {
            [nameof(DevicesPage.Devices)] = devices,
            [nameof(DevicesPage.Next)] = devices.Count == PageLength ? devices[^1].Id.Value : null,
        });
    }

    private static async Task<IResult> DeviceAsync(
        string id, Caller caller, IServiceProvider services, IFleetStore store, DeviceViews views, TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(caller, id, cancellationToken) is not { Document: var device })
            return Refusal.Unknown($"There is no device '{id}'.").ToResult();
        return await PageAsync<DevicePage>(services, new()
        {
            [nameof(DevicePage.Device)] = await views.OfAsync(device, cancellationToken),
            [nameof(DevicePage.Telemetry)] = (await store.TelemetryAsync(
                LastHour(time) with { Device = device.Id }, cancellationToken)).Views,
        });
    }

    private static async Task<IResult> TargetsAsync(
        string? find, Caller caller, IServiceProvider services, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
        => await PageAsync<TargetsPage>(services, new()
        {
            [nameof(TargetsPage.Targets)] = await store.TargetViewsAsync(caller.Devices, time.GetUtcNow(), cancellationToken),
            [nameof(TargetsPage.Pins)] = await store.PinViewsAsync(caller, cancellationToken),
            [nameof(TargetsPage.Find)] = find?.Trim() ?? "",
        });

    private static async Task<IResult> TelemetryAsync(
        string? model, string? after, Caller caller, IServiceProvider services, IFleetStore store, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var query = LastHour(time) with { Devices = caller.Devices, Model = model, After = after, Limit = PageLength };
        var page = await store.TelemetryAsync(query, cancellationToken);
        return await PageAsync<TelemetryPage>(services, new()
        {
            [nameof(TelemetryPage.Fleet)] = await store.FleetTelemetryAsync(query, cancellationToken),
            [nameof(TelemetryPage.Views)] = page.Views,
            [nameof(TelemetryPage.Model)] = model,
            [nameof(TelemetryPage.Next)] = page.Next,
        });
    }

    private static async Task<OverviewData> OverviewAsync(Caller caller, IServiceProvider services, CancellationToken cancellationToken)
    {
        var store = services.GetRequiredService<IFleetStore>();
        var board = services.GetRequiredService<DeviceBoard>();
        var devices = await store.DevicesAsync(caller.Devices, null, cancellationToken)
            .Select(device => device.Document).ToListAsync(cancellationToken);
        var reported = new List<IReadOnlyList<ReportedModel>>();
        foreach (var device in devices)
        {
            if (await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken) is { Document: var said })
                reported.Add(said.State.Models);
        }
        var telemetry = await store.FleetTelemetryAsync(
            LastHour(services.GetRequiredService<TimeProvider>()) with { Devices = caller.Devices }, cancellationToken);
        return new OverviewData
        {
            Devices = devices.Count(device => !device.IsRevoked),
            Online = devices.Count(device => board.IsOnline(device.Id)),
            Serving = reported.Count(models => models.Any(model => model.ActiveVersion is not null)),
            RolledBack = reported.Count(models => models.Any(model => model.Phase == DeploymentPhase.RolledBack)),
            Inferences = CountSum.Of(telemetry.Select(view => view.Count)),
            Withdrawn = [.. (await ReleasesInUse.ReadAsync(store, caller, cancellationToken)).Withdrawn()],
            Rollouts = await store.SeenByAsync(
                caller, await store.RolloutViewsAsync(null, ShownRollouts, cancellationToken), cancellationToken),
            Builds = [.. (await store.ListNewestAsync<Build>("", null, ShownBuilds, cancellationToken))
                .Select(build => build.Document.ToView())],
        };
    }

    private static TelemetryQuery LastHour(TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new TelemetryQuery { Since = now - ShownTime, Now = now };
    }
}
