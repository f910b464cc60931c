
namespace Fleet.Server.Builds;

/// <summary>Looks for lapsed leases, so that a dead worker shows even while no other one asks for work.</summary>
internal sealed partial class LeaseWatch(
    BuildQueue queue, BuildsOptions options, TimeProvider time, ILogger<LeaseWatch> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await queue.RenewAllAsync(stoppingToken);
        using var timer = new PeriodicTimer(options.RenewWithin, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await queue.LapseAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogTroubled(e);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "Looking for lapsed leases failed and is tried again")]
    private partial void LogTroubled(Exception exception);
}
