using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Mvc;

namespace Fleet.Server.Devices;

/// <summary>The room of devices: what it registers, and what operators may call.</summary>
internal static class DeviceEndpoints
{
    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddDevices(this IServiceCollection services) => services
        .AddDocument("device", DeviceJson.Default.Device)
        .AddDocument("desired", DeviceJson.Default.DeviceDesired)
        .AddDocument("reported", DeviceJson.Default.DeviceReported)
        .AddDocument("seen", DeviceJson.Default.DeviceSeen)
        .AddDocument("releasedProfile", DeviceJson.Default.ReleasedProfile)
        .AddSingleton<KnownProfiles>()
        .AddSingleton<ReportJudge>()
        .AddSingleton<DesiredNotices>()
        .AddDocument("announcedMove", DeviceJson.Default.AnnouncedMove)
        .AddSingleton<DeviceViews>()
        .AddSingleton<DeviceChanges>()
        .AddSingleton<ServerMoves>()
        .AddHostedService(provider => provider.GetRequiredService<ServerMoves>())
        .AddSingleton<RestoredServer>()
        .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<RestoredServer>())
        .AddSingleton<StrangerDevices>()
        .AddSingleton<ReportedInbox>()
        .AddSingleton<IDeviceMessageHandler>(provider => provider.GetRequiredService<ReportedInbox>())
        .AddDocument("importedReport", DeviceJson.Default.ImportedReport)
        .AddSingleton<CarriedReports>()
        .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<CarriedReports>())
        .AddSingleton<IDeviceMessageHandler, PresenceInbox>()
        .AddSingleton<RootFollowUp>()
        .AddSingleton<IReportedStateObserver>(provider => provider.GetRequiredService<RootFollowUp>())
        .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<RootFollowUp>())
        .AddSingleton<DeviceBoard>()
        .AddSingleton<IConnectionObserver>(provider => provider.GetRequiredService<DeviceBoard>())
        .AddHostedService(provider => provider.GetRequiredService<DeviceBoard>())
        .AddDocument("deviceTiming", DeviceJson.Default.DeviceTiming)
        .AddSingleton<DeviceTimings>()
        .AddSingleton<IReportedStateObserver>(provider => provider.GetRequiredService<DeviceTimings>())
        .AddSingleton<IDeviceEnd>(provider => provider.GetRequiredService<DeviceTimings>())
        .AddSingleton<OrderedStates>()
        .AddHostedService<DesiredPublisher>();

    /// <summary>Maps <c>/api/v1/devices</c>.</summary>
    public static void MapDevices(this IEndpointRouteBuilder operators)
    {
        var devices = operators.MapGroup("/api/v1/devices");
        operators.MapGet("/api/v1/strangers", ListStrangersAsync).ForViewers().Tells<IReadOnlyList<StrangerView>>(
            "ListStrangers", "Lists devices that a restored backup does not hold, or that say they are ahead of it and cannot show it.");
        operators.MapPost("/api/v1/strangers/{id}/adopt", AdoptAsync).ForOperators()
            .Tells<DeviceView>("AdoptDevice", "Takes in a device that a restored backup does not hold, or vouches for its revision.");
        devices.MapGet("/", ListAsync).ForViewers().Tells<IReadOnlyList<DeviceView>>("ListDevices", "Lists devices by id.");
        devices.MapGet("/{id}", async (string id, Caller caller, IFleetStore store, DeviceViews views, CancellationToken cancellationToken)
            => await store.DeviceAsync(caller, id, cancellationToken) is { } stored
                ? Results.Json(await views.OfAsync(stored.Document, cancellationToken), FleetJson.Default.DeviceView)
                : Unknown(id)).ForViewers().Tells<DeviceView>("GetDevice", "Shows a device.");
        devices.MapPatch("/{id}/labels", SetLabelsAsync).ForOperators().Takes<SetLabelsRequest>()
            .Tells<DeviceView>("SetLabels", "Sets or removes labels of a device.");
        operators.MapPost("/api/v1/reports", ImportReportAsync).ForOperators()
            .WithMetadata(new RequestSizeLimitAttribute(Limits.ReportFileBytes + 1)).TakesFile("application/octet-stream")
            .Tells<ImportedReportView>("ImportReport", "Takes a report that a device without a network wrote into a file.");
    }

    private static async Task<IResult> ListAsync(
        string? filter, [AsParameters] PageQuery page, HttpContext context, Caller caller, IFleetStore store, DeviceViews deviceViews,
        CancellationToken cancellationToken)
    {
        if (!DeviceFilter.TryParse(filter, out var parsed, out var problem)) return Refusal.Invalid(problem).ToResult();
        var views = new List<DeviceView>();
        await foreach (var device in store.DevicesAsync(parsed.And(caller.Devices), page.After, cancellationToken))
        {
            views.Add(await deviceViews.OfAsync(device.Document, cancellationToken));
            if (views.Count > page.Size) break;
        }
        return Paging.Answer(context, views, page, view => view.Id.Value, FleetJson.Default.IReadOnlyListDeviceView);
    }

    private static async Task<IResult> SetLabelsAsync(
        string id, HttpRequest request, Caller caller, IFleetStore store, DeviceViews views, DeviceChanges changes,
        CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadAsync(request, FleetJson.Strict.SetLabelsRequest, cancellationToken);
        if (sent.Value is null) return sent.Problem!.ToResult();
        if (await store.DeviceAsync(caller, id, cancellationToken) is null) return Unknown(id);
        IReadOnlyList<string> problems = [];
        var changed = await store.UpdateAsync<Device>(id, device =>
        {
            var labels = DeviceRules.Apply(device.Labels, sent.Value.Labels);
            var after = device with { Labels = labels };
            problems = after.IsSelectedBy(caller.Devices)
                ? DeviceRules.ProblemsOf(labels)
                : [$"'{caller.Name}' changes devices of '{caller.Devices}': this one would leave them."];
            return problems.Count == 0 ? after : device;
        }, cancellationToken);
        if (changed is not null) changes.Tell(changed.Id);
        return changed is null ? Unknown(id)
            : problems.Count > 0 ? Refusal.Invalid("The labels are not set.", problems).ToResult()
            : Results.Json(await views.OfAsync(changed, cancellationToken), FleetJson.Default.DeviceView);
    }

    private static async Task<IResult> ListStrangersAsync(
        [AsParameters] PageQuery page, HttpContext context, Caller caller, StrangerDevices strangers, RestoredServer restored,
        CancellationToken cancellationToken)
    {
        // They have no labels yet, so nobody can say whose they are.
        if (caller.WhyNot(DeviceFilter.All) is { } reason) return Refusal.Forbidden(reason).ToResult();
        var all = strangers.All.Concat(await restored.DoubtedAsync(cancellationToken))
            .OrderBy(stranger => stranger.Device.Value, StringComparer.Ordinal).ToList();
        return Paging.PageOf(context, page, all, stranger => stranger.Device.Value, FleetJson.Default.IReadOnlyListStrangerView);
    }

    private static async Task<IResult> AdoptAsync(
        string id, Caller caller, StrangerDevices strangers, RestoredServer restored, DeviceViews views, DeviceChanges changes,
        CancellationToken cancellationToken)
    {
        if (caller.WhyNot(DeviceFilter.All) is { } reason) return Refusal.Forbidden(reason).ToResult();
        var adopted = (await strangers.AdoptAsync(id, cancellationToken)).Value ?? await restored.VouchAsync(id, cancellationToken);
        if (adopted is null)
            return Refusal.Unknown(
                $"Device '{id}' cannot be adopted: it is stored here, or has shown no certificate of this server, and it does not claim to "
                    + "be ahead of it.")
                .ToResult();
        changes.Tell(adopted.Id);
        return Results.Json(await views.OfAsync(adopted, cancellationToken), FleetJson.Default.DeviceView);
    }

    private static async Task<IResult> ImportReportAsync(
        HttpRequest request, Caller caller, CarriedReports reports, CancellationToken cancellationToken)
    {
        var sent = await RequestBody.ReadBytesAsync(request, Limits.ReportFileBytes, cancellationToken);
        return sent.Value is null
            ? sent.Problem!.ToResult()
            : (await reports.ImportAsync(sent.Value, caller, cancellationToken)).ToResult(FleetJson.Default.ImportedReportView);
    }

    private static IResult Unknown(string id) => Refusal.Unknown($"There is no device '{id}'.").ToResult();
}
