using System.Net;
using Fleet.Server.Access;
using Fleet.Server.Audit;

namespace Fleet.Server.Tests.Access;

/// <summary>
/// Found in review: a clock that was set back by days kept callers waiting, and refused attempts out of the trail, for as long.
/// </summary>
public sealed class SetBackClockTests
{
    private readonly TurnedClock _clock = new();

    [Fact]
    public void Caller_that_was_wrong_too_often_waits_a_minute_whatever_the_clock_says()
    {
        var limit = new FailureLimit(_clock);
        for (var n = 0; n <= FailureLimit.Failures; n++) limit.IsTooMany(IPAddress.Loopback);
        _clock.Turn(back: TimeSpan.FromDays(3), FailureLimit.Window);
        Assert.False(limit.IsTooMany(IPAddress.Loopback));
    }

    [Fact]
    public void Refused_attempts_get_lines_again_after_their_window_whatever_the_clock_says()
    {
        var quota = new AuditQuota(_clock);
        for (var n = 0; n <= AuditQuota.Lines; n++) quota.Takes("nobody at ::1");
        _clock.Turn(back: TimeSpan.FromDays(3), AuditQuota.Window);
        Assert.Equal([("nobody at ::1", 1)], quota.End(all: false));
        Assert.True(quota.Takes("nobody at ::1"));
    }
}
