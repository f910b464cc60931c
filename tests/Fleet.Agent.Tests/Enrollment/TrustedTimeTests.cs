using System.Globalization;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Enrollment;

/// <summary>What time a device believes: clocks are wrong in every way there is.</summary>
public sealed class TrustedTimeTests : IDisposable
{
    private static readonly DateTimeOffset Begin = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly TemporaryFolder _folder = new();
    private readonly DeviceClock _clock = new();

    private DataFolder Data => new(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Clock_of_the_server_800_days_ahead_once_is_not_believed_and_poisons_nothing()
    {
        var time = Known(Begin);
        time.Advance(Begin.AddDays(800));
        Assert.Equal(Begin, time.Latest());
        Assert.Contains("fleet keys anchor-time", time.Doubt, StringComparison.Ordinal);
        time.Advance(Begin.AddHours(1));
        Assert.Equal((Begin.AddHours(1), null), (time.Latest(), time.Doubt));
    }

    [Fact]
    public void Time_goes_on_by_the_monotonic_clock_however_the_device_s_own_is_set()
    {
        var time = Known(Begin);
        _clock.Pass(TimeSpan.FromHours(5));
        _clock.Own = DateTimeOffset.UnixEpoch;
        Assert.Equal(Begin.AddHours(5), time.Latest());
        _clock.Own = Begin.AddYears(1);
        Assert.Equal(Begin.AddHours(5), time.Latest());
    }

    /// <summary>D5: a release that had expired was young again after the clock was set back by 30 seconds.</summary>
    [Fact]
    public void Clock_set_back_by_seconds_does_not_revive_what_expired()
    {
        var time = Known(Begin);
        _clock.Pass(TimeSpan.FromSeconds(60));
        Assert.Equal(Begin.AddSeconds(60), time.Latest());
        _clock.Own -= TimeSpan.FromSeconds(30);
        Assert.Equal(Begin.AddSeconds(60), time.Latest());
    }

    [Fact]
    public void What_has_passed_survives_a_power_cut_to_the_hour()
    {
        var time = Known(Begin);
        _clock.Pass(TimeSpan.FromHours(9.5));
        time.Latest();
        _clock.Own = DateTimeOffset.UnixEpoch;
        Assert.InRange(new TrustedTime(Data, _clock).Latest(), Begin.AddHours(8.5), Begin.AddHours(9.5));
    }

    [Fact]
    public void Device_that_was_off_for_400_days_believes_a_server_that_agrees_with_its_own_clock()
    {
        Known(Begin);
        _clock.Own = Begin.AddDays(400);
        var time = new TrustedTime(Data, _clock);
        Assert.Equal(Begin, time.Latest());
        time.Advance(Begin.AddDays(400).AddMinutes(3));
        Assert.Equal((Begin.AddDays(400).AddMinutes(3), null), (time.Latest(), time.Doubt));
    }

    [Fact]
    public void Anchor_of_an_operator_moves_time_forward_and_back_and_is_remembered()
    {
        var time = Known(Begin.AddDays(800));
        time.MoveTo(Begin, 1);
        Assert.Equal((Begin, 1), (time.Latest(), time.Anchor));
        time.MoveTo(Begin.AddYears(10), 2);
        var again = new TrustedTime(Data, _clock);
        Assert.Equal((Begin.AddYears(10), 2), (again.Latest(), again.Anchor));
    }

    [Fact]
    public void Time_at_the_end_of_the_calendar_overflows_nothing()
    {
        var time = Known(Begin);
        time.Advance(DateTimeOffset.MaxValue);
        time.MoveTo(DateTimeOffset.MaxValue, 1);
        _clock.Pass(TimeSpan.FromDays(1));
        Assert.Equal(DateTimeOffset.MaxValue, time.Latest());
    }

    [Fact]
    public void File_of_an_earlier_agent_is_read()
    {
        Data.Create();
        File.WriteAllText(Data.TrustedTime, Begin.ToString("O", CultureInfo.InvariantCulture), Encoding.ASCII);
        _clock.Own = DateTimeOffset.UnixEpoch;
        Assert.Equal(Begin, new TrustedTime(Data, _clock).Latest());
    }

    /// <summary>A device whose clock is right and which has just heard a signed time.</summary>
    private TrustedTime Known(DateTimeOffset signed)
    {
        Data.Create();
        TrustedTime.Store(Data, signed);
        _clock.Own = Begin;
        return new TrustedTime(Data, _clock);
    }

    /// <summary>Two clocks: one that anybody can set, and one that only goes on.</summary>
    private sealed class DeviceClock : TimeProvider
    {
        private long _passed;

        public DateTimeOffset Own { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Own;

        public override long GetTimestamp() => _passed;

        public void Pass(TimeSpan time)
        {
            _passed += time.Ticks;
            Own += time;
        }
    }
}
