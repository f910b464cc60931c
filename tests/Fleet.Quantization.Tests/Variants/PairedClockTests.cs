using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
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
        clock.Add("loaded", Pair(15.1, 11.9));
        clock.Add("quiet", Pair(9.2, 8.46));
        Assert.Equal(9.2, clock.Float!.P50.TotalMilliseconds, 1e-3);
        Assert.Equal(9.2 / (15.1 / 11.9), clock.Of("loaded")!.P50.TotalMilliseconds, 1e-3);
        Assert.Equal(8.46, clock.Of("quiet")!.P50.TotalMilliseconds, 1e-3);
        // Whoever is faster by the ratio is faster by the figure.
        Assert.True(clock.SpeedOf("loaded")!.IsFasterThan(clock.SpeedOf("quiet")!) && clock.Of("loaded")!.P50 < clock.Of("quiet")!.P50);
        Assert.Equal(15.1 / 11.9, clock.SpeedOf("loaded")!.Value, 1e-3);
    }

    [Fact]
    public void Figure_follows_processor_time_where_a_neighbour_lengthened_the_wall_clock()
    {
        var clock = new PairedClock();
        // On the wall the variant took longer than the float model; of the processor it took half.
        clock.Add("x", Pair(10, 14) with { Speed = new RelativeSpeed(2, 1.9, 2.1) });
        Assert.Equal((5, 6), (clock.Of("x")!.P50.TotalMilliseconds, clock.Of("x")!.P95.TotalMilliseconds));
    }

    [Fact]
    public void What_was_not_timed_has_no_time()
    {
        var clock = new PairedClock();
        Assert.Null(clock.Float);
        clock.AddFloat(Latency(3));
        Assert.Equal(3, clock.Float!.P50.TotalMilliseconds, 1e-3);
        Assert.Null(clock.Of("never"));
        Assert.Null(clock.SpeedOf("never"));
    }

    private static TimedPair Pair(double original, double variant)
        => new(Latency(original), Latency(variant), new RelativeSpeed(original / variant, original / variant, original / variant));

    private static LatencySummary Latency(double milliseconds)
        => new(TimeSpan.FromMilliseconds(milliseconds), TimeSpan.FromMilliseconds(milliseconds * 1.2),
            TimeSpan.FromMilliseconds(milliseconds * 1.5));
}
