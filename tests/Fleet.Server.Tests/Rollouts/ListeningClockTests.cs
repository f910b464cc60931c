using Fleet.Server.Rollouts;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>Time that only the wall clock saw is held against no device.</summary>
public sealed class ListeningClockTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private readonly TwoClocks _time = new();

    [Fact]
    public void Clock_that_just_runs_listens_since_it_began()
    {
        var clock = new ListeningClock(_time);
        for (var minute = 1; minute <= 100; minute++)
        {
            _time.Pass(TimeSpan.FromMinutes(1));
            Assert.Equal(Start.AddMinutes(minute), clock.Read());
        }
        Assert.Equal(Start, clock.Since);
    }

    [Theory]
    [InlineData(60, false)]
    [InlineData(-60, false)]
    [InlineData(61, true)]
    [InlineData(-61, true)]
    [InlineData(86_400, true)]
    public void Clock_that_is_set_by_more_than_a_minute_listens_anew(int seconds, bool anew)
    {
        var clock = new ListeningClock(_time);
        _time.Pass(TimeSpan.FromMinutes(5));
        clock.Read();
        _time.Set(TimeSpan.FromSeconds(seconds));
        var now = clock.Read();
        Assert.Equal(Start.AddMinutes(5).AddSeconds(seconds), now);
        Assert.Equal(anew ? now : Start, clock.Since);
    }

    [Fact]
    public void Corrections_that_are_small_each_do_not_add_up_to_one_that_is_not()
    {
        var clock = new ListeningClock(_time);
        for (var correction = 0; correction < 10; correction++)
        {
            _time.Set(TimeSpan.FromSeconds(30));
            clock.Read();
        }
        Assert.Equal(Start, clock.Since);
    }

    /// <summary>A wall clock that can be set, and one that only passes.</summary>
    private sealed class TwoClocks : TimeProvider
    {
        private readonly FakeTimeProvider _monotonic = new(Start);
        private TimeSpan _set;

        public override long TimestampFrequency => _monotonic.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => _monotonic.GetUtcNow() + _set;

        public override long GetTimestamp() => _monotonic.GetTimestamp();

        public void Pass(TimeSpan time) => _monotonic.Advance(time);

        public void Set(TimeSpan by) => _set += by;
    }
}
