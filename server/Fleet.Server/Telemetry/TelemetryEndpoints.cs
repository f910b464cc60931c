using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>The room of telemetry: what it registers, and what operators may call.</summary>
internal static class TelemetryEndpoints
{
    /// <summary>Batches merged for one device: a day at ten seconds. Longer times need a longer interval on the device.</summary>
    private const int MaximumBatches = 8640;

    /// <summary>Devices in one answer; a filter selects others.</summary>
    private const int MaximumDevices = 500;

    private static readonly TimeSpan DefaultTime = TimeSpan.FromHours(1);

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services) => services
        .AddSingleton<IDeviceMessageHandler, TelemetryInbox>()
        .AddHostedService<Retention>();

    /// <summary>Maps <c>/api/v1/telemetry</c>; the caller has made sure that it is an operator who calls.</summary>
    public static void MapTelemetry(this IEndpointRouteBuilder operators)
        => operators.MapGet(
            "/api/v1/telemetry", async (
                string? device, string? model, DateTimeOffset? since, IFleetStore store, TimeProvider time,
                CancellationToken cancellationToken) =>
        {
            if (device is not null && (!DeviceId.TryParse(device, out var id) || await store.DeviceAsync(id, cancellationToken) is null))
                return Refusal.Unknown($"There is no device '{device}'.").ToResult();
            var views = await store.TelemetryAsync(
                device, model, since ?? time.GetUtcNow() - DefaultTime, time.GetUtcNow(), cancellationToken);
            return Results.Json(views, FleetJson.Default.IReadOnlyListTelemetryView);
        });

    /// <summary>The telemetry of one device, or of all.</summary>
    public static async Task<IReadOnlyList<TelemetryView>> TelemetryAsync(
        this IFleetStore store, string? device, string? model, DateTimeOffset since, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var filter = device is null ? DeviceFilter.All : new DeviceFilter { Terms = [new("id", device)] };
        var views = new List<TelemetryView>();
        await foreach (
            var stored in store.DevicesAsync(filter, null, cancellationToken).Take(MaximumDevices).WithCancellation(cancellationToken))
        {
            var batches = await store.ReadSamplesAsync(stored.Document.Id, since, MaximumBatches, cancellationToken);
            views.AddRange(TelemetryViews.Of(stored.Document.Id, batches, model, since, now));
        }
        return views;
    }
}
