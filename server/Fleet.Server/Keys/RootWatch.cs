using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;
using Fleet.Server.Health;

namespace Fleet.Server.Keys;

/// <summary>
/// Sees to the newest root: lets other rooms act on it, renews it in the last third of its life while its key is on the server, and says in
/// health what only a person can mend.
/// </summary>
internal sealed partial class RootWatch(
    FleetKeys keys, SigningClock clock, IServiceProvider rooms, ServerHealth health, TimeProvider time, ILogger<RootWatch> logger)
        : BackgroundService
{
    private const string KeySubject = "keys";
    private const string RootSubject = "root";
    private const string ClockSubject = "clock";

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>How often a key that could not be used is looked for: a security module may be back.</summary>
    private static readonly TimeSpan KeyInterval = TimeSpan.FromSeconds(10);

    /// <summary>Ahead of the end of a root whose key lies elsewhere: time to fetch it out of the safe.</summary>
    private static readonly TimeSpan Warning = TimeSpan.FromDays(90);

    private volatile bool _troubled;

    // Some room could not act on the root: it is told again.
    private bool _untold;

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryTellAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Lets every room act on the root that counts.</summary>
    public async Task TellAsync(CancellationToken cancellationToken)
    {
        LogCounts(keys.Root.Version, keys.Root.ExpiresAt);
        Say();
        foreach (var observer in rooms.GetServices<IRootObserver>()) await observer.RootCountsAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(KeyInterval, time);
        long? looked = null;
        do
        {
            if (looked is not { } before || time.GetElapsedTime(before) >= Interval)
            {
                looked = time.GetTimestamp();
                await LookAsync(stoppingToken);
            }
            else if (_untold || keys.Problems().Count == 0 == _troubled) await ChangedAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>A key cannot be used any more, or can be used again: devices that were told nothing meanwhile are told now.</summary>
    private async Task ChangedAsync(CancellationToken cancellationToken)
    {
        if (_untold || _troubled) await TryTellAsync(cancellationToken);
        else Say();
    }

    /// <summary>A full disk keeps a room from acting on the root for now; it must not stop the server.</summary>
    private async Task TryTellAsync(CancellationToken cancellationToken)
    {
        try
        {
            await TellAsync(cancellationToken);
            _untold = false;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            if (!_untold) LogNotTold(KeyInterval, e);
            _untold = true;
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            clock.Keep();
            var (root, now) = (keys.Root, clock.Now());
            // A clock that jumped must not make a root that is too long in the future.
            if (clock.Problem() is null && now > root.ExpiresAt - (root.ExpiresAt - root.IssuedAt) / 3
                && keys.Prepare(new RootChange(), now).Value is { } next && RootChain.Follow(root, next).Trusted
                && keys.Apply(next) is null)
                await TellAsync(cancellationToken);
            Say();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogNotRenewed(e);
        }
    }

    private void Say()
    {
        var problems = keys.Problems();
        _troubled = problems.Count > 0;
        if (_troubled) health.Report(KeySubject, string.Join(" ", problems));
        else health.Clear(KeySubject);
        if (clock.Problem() is { } wrong) health.Report(ClockSubject, wrong);
        else health.Clear(ClockSubject);
        var left = keys.Root.ExpiresAt - clock.Now();
        if (left >= Warning) health.Clear(RootSubject);
        if (left <= TimeSpan.Zero)
            health.Report(RootSubject, $"Root {keys.Root.Version} expired at {keys.Root.ExpiresAt:u}: devices take nothing new. Its keys "
                + "are not on this server: fleet keys prepare expiry");
        else if (left < Warning)
            health.Warn(RootSubject, $"Root {keys.Root.Version} expires at {keys.Root.ExpiresAt:u}; from then on devices take nothing "
                + "new. Its keys are not on this server: fleet keys prepare expiry");
    }

    [LoggerMessage(LogLevel.Information, "Root {Version} counts until {ExpiresAt:u}")]
    private partial void LogCounts(int version, DateTimeOffset expiresAt);

    [LoggerMessage(LogLevel.Error, "Not all of the server could act on the root that counts; it is tried again every {Interval}")]
    private partial void LogNotTold(TimeSpan interval, Exception exception);

    [LoggerMessage(LogLevel.Error, "The root could not be renewed; the next try is in an hour")]
    private partial void LogNotRenewed(Exception exception);
}
