namespace Fleet.Server.Tests;

/// <summary>A clock that is set while time goes on.</summary>
internal sealed class TurnedClock : TimeProvider
{
    private DateTimeOffset _now = DateTimeOffset.UtcNow;
    private long _ticks = TimeSpan.TicksPerDay;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _ticks;

    public void Turn(TimeSpan back, TimeSpan passed)
    {
        _now += passed - back;
        _ticks += passed.Ticks;
    }
}
