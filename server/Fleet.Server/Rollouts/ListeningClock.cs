namespace Fleet.Server.Rollouts;

/// <summary>
/// Since when reports could have been heard. It begins with the engine, and again whenever the wall clock is put forward or back
/// while it runs (a time server's correction, a suspended machine): time that only the clock saw is held against no device.
/// </summary>
internal sealed class ListeningClock
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private DateTimeOffset _wall;
    private long _monotonic;

    public ListeningClock(TimeProvider time)
    {
        _time = time;
        Since = _wall = time.GetUtcNow();
        _monotonic = time.GetTimestamp();
    }

    /// <summary>Since when.</summary>
    public DateTimeOffset Since { get; private set; }

    /// <summary>Reads the clock, and compares it with the one that cannot be set.</summary>
    /// <returns>Now.</returns>
    public DateTimeOffset Read()
    {
        var (wall, monotonic) = (_time.GetUtcNow(), _time.GetTimestamp());
        // Both at one moment: whoever is suspended between the two readings would take the pause for a clock that was set.
        while (_time.GetUtcNow() - wall > Moment) (wall, monotonic) = (_time.GetUtcNow(), _time.GetTimestamp());
        var drift = wall - _wall - _time.GetElapsedTime(_monotonic, monotonic);
        if (drift.Duration() > RolloutRules.ClockTolerance) Since = wall;
        (_wall, _monotonic) = (wall, monotonic);
        return wall;
    }
}
