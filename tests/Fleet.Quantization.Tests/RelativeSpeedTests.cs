namespace Fleet.Quantization.Tests;

/// <summary>What pairs of calls tell of two models.</summary>
public sealed class RelativeSpeedTests
{
    [Fact]
    public void Interval_holds_the_truth_nineteen_times_of_twenty_whatever_disturbs_single_calls()
    {
        var random = new Random(1);
        var held = 0;
        for (var run = 0; run < 400; run++)
        {
            // One call in ten is three times as long, on either side.
            double Call() => Math.Exp(0.1 * (random.NextDouble() - 0.5)) * (random.Next(10) == 0 ? 3 : 1);
            var speed = RelativeSpeed.Of([.. Enumerable.Range(0, 500).Select(_ => 1.5 * Call() / Call())]);
            Assert.InRange(speed.Value, speed.Low, speed.High);
            if (speed.Low <= 1.5 && 1.5 <= speed.High) held++;
        }
        Assert.InRange(held, 360, 400);
    }

    [Fact]
    public void Neighbouring_pairs_that_are_disturbed_together_count_as_one()
    {
        var random = new Random(2);
        double[] disturbed = [.. Enumerable.Range(0, 20).SelectMany(block =>
        {
            var spell = block % 3 == 0 ? 0.9 : 1.1;
            return Enumerable.Range(0, 25).Select(_ => spell * Math.Exp(0.01 * random.NextDouble()));
        })];
        var speed = RelativeSpeed.Of(disturbed);
        Assert.True(speed.High / speed.Low > 1.15, $"{speed}");
        Assert.False(speed.IsFasterThan(RelativeSpeed.Original) || RelativeSpeed.Original.IsFasterThan(speed));
    }

    [Theory]
    [InlineData(1.50, 1.45, 1.55, 1.20, 1.15, 1.25, true)]
    [InlineData(1.50, 1.10, 1.90, 1.20, 1.15, 1.25, false)]
    [InlineData(1.22, 1.215, 1.225, 1.20, 1.195, 1.205, false)] // within 3 %, however narrow
    [InlineData(1.30, 1.25, 1.35, 1.20, 1.16, 1.24, true)] // overlapping intervals may still differ
    [InlineData(1.20, 1.15, 1.25, 1.50, 1.45, 1.55, false)]
    public void Faster_is_what_the_interval_of_the_ratio_says(
        double value, double low, double high, double other, double otherLow, double otherHigh, bool faster)
        => Assert.Equal(faster, new RelativeSpeed(value, low, high).IsFasterThan(new RelativeSpeed(other, otherLow, otherHigh)));

    [Theory]
    [InlineData(1.50, 1.19, true)]
    [InlineData(1.50, 1.21, false)]
    public void Estimates_are_told_apart_from_a_quarter_on(double value, double other, bool faster)
        => Assert.Equal(faster, RelativeSpeed.Estimated(value).IsFasterThan(RelativeSpeed.Estimated(other)));

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(30)]
    [InlineData(507)]
    public void Any_number_of_pairs_makes_an_interval(int pairs)
    {
        var speed = RelativeSpeed.Of([.. Enumerable.Range(0, pairs).Select(i => 1 + i % 3 / 10.0)]);
        Assert.InRange(speed.Value, speed.Low, speed.High);
    }

    [Fact]
    public void Loads_that_differ_by_more_than_each_knows_widen_the_interval()
    {
        RelativeSpeed[] loads = [
            new(1.10, 1.09, 1.11), new(0.97, 0.96, 0.98), new(1.02, 1.01, 1.03), new(1.05, 1.04, 1.06), new(1.01, 1.00, 1.02),
        ];
        Assert.All(loads, load => Assert.InRange(load.Width, 1, 1.03));
        Assert.Equal(new RelativeSpeed(1.02, 0.96, 1.11), RelativeSpeed.OfLoads(loads));
        Assert.False(RelativeSpeed.OfLoads(loads).IsFasterThan(RelativeSpeed.Original));
        Assert.True(loads[0].IsFasterThan(RelativeSpeed.Original));
    }
}
