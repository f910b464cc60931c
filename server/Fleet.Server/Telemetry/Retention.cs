using Fleet.Server.Health;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>Forgets telemetry that is older than the settings keep, an hour's worth at a time.</summary>
internal sealed partial class Retention(
    IFleetStore store, FleetOptions options, ServerHealth health, TimeProvider time, ILogger<Retention> logger) : BackgroundService
{
    private const string HealthSubject = "retention";

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await DropAsync(stoppingToken);
                health.Clear(HealthSubject);
            }
            catch (StoreException e)
            {
                LogFailed(e);
                health.Report(HealthSubject, $"Old telemetry cannot be dropped: {e.Message} It is tried again in an hour.");
            }
        }
    }

    private async Task DropAsync(CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow() - options.TelemetryRetention;
        var dropped = await store.DropSamplesAsync(before, cancellationToken);
        if (dropped > 0) LogDropped(dropped, before);
    }

    [LoggerMessage(LogLevel.Information, "{Packs} packs of telemetry from before {Before:u} are forgotten")]
    private partial void LogDropped(int packs, DateTimeOffset before);

    [LoggerMessage(LogLevel.Warning, "Old telemetry could not be dropped; it is tried again in an hour")]
    private partial void LogFailed(Exception exception);
}
