
namespace Fleet.Server.Builds;

/// <summary>Looks for lapsed leases, so that a dead worker shows even while no other one asks for work.</summary>
internal sealed partial class LeaseWatch(
    BuildQueue queue, BuildsOptions options, TimeProvider time, ILogger<LeaseWatch> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.RenewWithin, time);
        var renewed = false;
        do
        {
            try
            {
                // No lease lapses before all have their full time again: a full disk may put that off, and must not stop the server.
                if (renewed) await queue.LapseAsync(stoppingToken);
                else await queue.RenewAllAsync(stoppingToken);
                renewed = true;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogTroubled(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Error, "Looking for lapsed leases failed and is tried again")]
    private partial void LogTroubled(Exception exception);
}
