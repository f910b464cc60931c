using Fleet.Contracts.Validation;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>One clock for figure, chart and choice, whatever else the machine did meanwhile.</summary>
public sealed class PairedClockTests
{
    [Fact]
    public void Variant_timed_while_the_machine_was_busy_is_told_as_on_the_quiet_one()
    {
        var clock = new PairedClock();
        // The first is 1.27 times as fast as the float model, timed under load; the second 1.09 times, timed when it was quiet.
        clock.Add("loaded", Latency(15.1), Latency(11.9));
        clock.Add("quiet", Latency(9.2), Latency(8.46));
        Assert.Equal(9.2, clock.Float!.P50.TotalMilliseconds, 1e-3);
        Assert.Equal(9.2 / (15.1 / 11.9), clock.Of("loaded")!.P50.TotalMilliseconds, 1e-3);
        Assert.Equal(8.46, clock.Of("quiet")!.P50.TotalMilliseconds, 1e-3);
        // Whoever is faster by the ratio is faster by the figure.
        Assert.True(clock.SpeedUpOf("loaded") > clock.SpeedUpOf("quiet") && clock.Of("loaded")!.P50 < clock.Of("quiet")!.P50);
        Assert.Equal(15.1 / 11.9, clock.SpeedUpOf("loaded")!.Value, 1e-3);
    }

    [Fact]
    public void What_was_not_timed_has_no_time()
    {
        var clock = new PairedClock();
        Assert.Null(clock.Float);
        clock.AddFloat(Latency(3));
        Assert.Equal(3, clock.Float!.P50.TotalMilliseconds, 1e-3);
        Assert.Null(clock.Of("never"));
        Assert.Null(clock.SpeedUpOf("never"));
    }

    private static LatencySummary Latency(double milliseconds)
        => new(TimeSpan.FromMilliseconds(milliseconds), TimeSpan.FromMilliseconds(milliseconds * 1.2),
            TimeSpan.FromMilliseconds(milliseconds * 1.5));
}
