using System.Text;
using System.Text.Json;
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
    private const string LinesContent = "application/x-ndjson";

    private static readonly TimeSpan DefaultTime = TimeSpan.FromHours(1);

    /// <summary>Registers the room.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services) => services
        .AddSingleton<TelemetryBudget>()
        .AddSingleton<IDeviceMessageHandler, TelemetryInbox>()
        .AddHostedService<Retention>();

    /// <summary>Maps <c>/api/v1/telemetry</c>.</summary>
    public static void MapTelemetry(this IEndpointRouteBuilder operators)
    {
        var telemetry = operators.MapGroup("/api/v1/telemetry");
        telemetry.MapGet("/", DevicesAsync).ForViewers()
            .Tells<IReadOnlyList<TelemetryView>>("ListTelemetry", "Lists what devices measured, by device and model.");
        telemetry.MapGet("/fleet", FleetAsync).ForViewers()
            .Tells<IReadOnlyList<TelemetryView>>("ListFleetTelemetry", "Lists what all devices together measured, by model.");
        telemetry.MapGet("/export", ExportAsync).ForViewers()
            .TellsFile("ExportTelemetry", "Writes batches as they came, a JSON line each.", LinesContent);
    }

    private static async Task<IResult> FleetAsync(
        string? model, DateTimeOffset? since, Caller caller, IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
        => Results.Json(
            await store.FleetTelemetryAsync(QueryOf(caller, null, model, since, time), cancellationToken),
            FleetJson.Default.IReadOnlyListTelemetryView);

    private static async Task<IResult> DevicesAsync(
        string? device, string? model, DateTimeOffset? since, string? after, int? limit, HttpContext context, Caller caller,
        IFleetStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        DeviceId id = default;
        if (device is not null && (!DeviceId.TryParse(device, out id)
            || await store.DeviceAsync(caller, device, cancellationToken) is null))
            return Refusal.Unknown($"There is no device '{device}'.").ToResult();
        var query = QueryOf(caller, device is null ? null : id, model, since, time) with
        {
            After = after,
            Limit = limit ?? TelemetryQueries.DefaultLimit,
        };

        var page = await store.TelemetryAsync(query, cancellationToken);

        if (page.Next is { } next) Paging.SayNext(context, next);
        return Results.Json(page.Views, FleetJson.Default.IReadOnlyListTelemetryView);
    }

    /// <summary>Batches as they came, a JSON line each: <c>{"device":…,"arrivedAt":…,"batch":…}</c>.</summary>
    private static async Task ExportAsync(
        string? device, DateTimeOffset? since, HttpContext context, Caller caller, IFleetStore store, TimeProvider time,
        CancellationToken cancellationToken)
    {
        context.Response.ContentType = LinesContent;
        await foreach (var sample in store.SamplesAsync(since ?? time.GetUtcNow() - DefaultTime, cancellationToken))
        {
            if (device is not null && sample.Device.Value != device) continue;
            if (caller.IsLimited && await store.DeviceAsync(caller, sample.Device.Value, cancellationToken) is null) continue;
            var batch = JsonSerializer.Serialize(sample.Batch, FleetJson.Default.TelemetryBatch);
            var line = $$"""{"device":"{{sample.Device}}","arrivedAt":"{{sample.ArrivedAt:O}}","batch":{{batch}}}""" + "\n";
            await context.Response.WriteAsync(line, Encoding.UTF8, cancellationToken);
        }
    }

    private static TelemetryQuery QueryOf(Caller caller, DeviceId? device, string? model, DateTimeOffset? since, TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new TelemetryQuery
        {
            Device = device,
            Devices = caller.Devices,
            Model = model,
            Since = since ?? now - DefaultTime,
            Now = now,
        };
    }
}
