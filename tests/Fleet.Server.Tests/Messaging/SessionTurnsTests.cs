using Fleet.Contracts.Devices;
using Fleet.Server.Messaging;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Messaging;

/// <summary>Who has the session of an identity that is in use twice.</summary>
public sealed class SessionTurnsTests
{
    private static readonly DeviceId Device = DeviceId.Parse("dev-1");
    private static readonly Origin Here = new("192.0.2.1");
    private static readonly Origin There = new("192.0.2.2");

    private readonly FakeTimeProvider _clock = new();
    private readonly SessionTurns _turns;

    public SessionTurnsTests() => _turns = new SessionTurns(_clock);

    [Fact]
    public void Device_that_is_not_in_doubt_takes_over_as_it_likes()
    {
        Assert.Null(_turns.Take(Device, Here));
        Assert.Null(_turns.Take(Device, There));
        _turns.Contested(Device);
        Assert.Null(_turns.Take(Device, Here));
        _turns.Settled(Device);
        Assert.Null(_turns.Take(Device, There));
    }

    [Fact]
    public void Each_has_the_session_for_its_turn_and_no_longer()
    {
        _turns.Contested(Device);
        Assert.Null(_turns.Take(Device, Here));
        var end = _clock.GetUtcNow() + SessionTurns.Turn;
        Assert.Equal(end, _turns.Take(Device, There));
        _clock.Advance(SessionTurns.Turn / 2);
        Assert.Null(_turns.Take(Device, Here));
        Assert.Equal(end, _turns.Take(Device, There));
        _clock.Advance(SessionTurns.Turn / 2);
        Assert.Null(_turns.Take(Device, There));
        Assert.Equal(end + SessionTurns.Turn, _turns.Take(Device, Here));
    }

    [Fact]
    public void Who_leaves_gives_its_turn_up_and_who_comes_back_draws_none_out()
    {
        _turns.Contested(Device);
        Assert.Null(_turns.Take(Device, Here));
        _turns.Left(Device, Here);
        Assert.Null(_turns.Take(Device, There));
        _clock.Advance(SessionTurns.Turn - TimeSpan.FromSeconds(1));
        _turns.Left(Device, There);
        Assert.Null(_turns.Take(Device, There));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(_turns.Take(Device, Here));
    }

    /// <summary>Found in review: whoever had the turn before took it back at once, again and again.</summary>
    [Fact]
    public void Former_holder_that_is_heard_to_leave_late_frees_no_turn()
    {
        _turns.Contested(Device);
        Assert.Null(_turns.Take(Device, Here));
        _clock.Advance(SessionTurns.Turn);
        Assert.Null(_turns.Take(Device, There));
        _turns.Left(Device, Here);
        Assert.NotNull(_turns.Take(Device, Here));
    }

    [Fact]
    public void Clock_that_is_set_back_draws_no_turn_out()
    {
        var turns = new SessionTurns(new SetBack());
        turns.Contested(Device);
        Assert.Null(turns.Take(Device, Here));
        Assert.Null(turns.Take(Device, There));
    }

    /// <summary>Each look at it is a year before the last.</summary>
    private sealed class SetBack : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch.AddYears(50);

        public override DateTimeOffset GetUtcNow() => _now = _now.AddYears(-1);
    }
}
