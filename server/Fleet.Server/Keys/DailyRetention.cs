using Fleet.Server.Storage;

namespace Fleet.Server.Keys;

/// <summary>Forgets once a day what nobody needs any more. Never by a clock that is wrong.</summary>
internal abstract partial class DailyRetention(SigningClock clock, TimeProvider time, ILogger logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1);

    /// <summary>The clock.</summary>
    protected TimeProvider Time { get; } = time;

    /// <summary>Where to say what was forgotten.</summary>
    protected ILogger Logger { get; } = logger;

    /// <summary>Forgets what may be forgotten by now.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        if (clock.Problem() is null) await ForgetAsync(cancellationToken);
    }

    /// <summary>Forgets it; the clock may be believed.</summary>
    protected abstract Task ForgetAsync(CancellationToken cancellationToken);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            // A disk that is short, or somebody who came in between: tomorrow is soon enough.
            catch (StoreException e)
            {
                LogNotForgotten(Logger, GetType().Name, e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Warning, "{Retention} could not forget what nobody needs any more; it tries again in a day: {Reason}")]
    private static partial void LogNotForgotten(ILogger logger, string retention, string reason);
}
