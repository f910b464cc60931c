using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

/// <summary>What a metric must reach or not exceed, in a sentence, in a table, and at its limit.</summary>
public sealed class ThresholdTests
{
    [Fact]
    public void Limit_lies_at_the_side_of_the_metric_that_is_not_good()
    {
        Assert.Equal((0.9, null), (Threshold.Of(Metric.Agreement, 0.9).Minimum, Threshold.Of(Metric.Agreement, 0.9).Maximum));
        Assert.Equal((null, 12.0),
            (Threshold.Of(Metric.RootMeanSquareError, 12).Minimum, Threshold.Of(Metric.RootMeanSquareError, 12).Maximum));
    }

    [Fact]
    public void Every_metric_there_is_has_a_limit_that_it_can_meet_and_miss()
        => Assert.All(Metric.All.Values, metric =>
        {
            var threshold = Threshold.Of(metric, 0.5);
            var (good, bad) = metric.Better == MetricDirection.Higher ? (0.6, 0.4) : (0.4, 0.6);
            Assert.Empty(threshold.Misses(good));
            Assert.Empty(threshold.Misses(0.5));
            Assert.Contains(Metric.TitleOf(metric.Name), Assert.Single(threshold.Misses(bad)), StringComparison.Ordinal);
        });

    [Theory]
    [InlineData(0.9, true)]
    [InlineData(0.8999999, false)]
    [InlineData(double.NaN, false)]
    [InlineData(null, false)]
    public void Figure_passes_at_its_limit_and_what_was_not_measured_never_does(double? measured, bool passes)
        => Assert.Equal(passes, !Threshold.Of(Metric.Agreement, 0.9).Misses(measured).Any());

    [Fact]
    public void Limit_on_both_sides_misses_on_the_side_that_is_past_it()
    {
        var between = new Threshold { Metric = "mae", Minimum = 1, Maximum = 2, Unit = "cycles" };
        Assert.Empty(between.Misses(1));
        Assert.Empty(between.Misses(2));
        Assert.EndsWith("0.5 cycles is below the required 1 cycles.", Assert.Single(between.Misses(0.5)), StringComparison.Ordinal);
        Assert.EndsWith("3 cycles is above the allowed 2 cycles.", Assert.Single(between.Misses(3)), StringComparison.Ordinal);
        Assert.Equal(2, between.Misses(null).Count());
    }

    [Theory]
    [InlineData("Accuracy", "accuracy")]
    [InlineData("RMSE", "RMSE")]
    [InlineData("mAP 50", "mAP 50")]
    [InlineData("A", "a")]
    public void Title_inside_a_line_keeps_what_is_an_abbreviation(string title, string lowered)
        => Assert.Equal(lowered, Threshold.Lowered(title));

    [Fact]
    public void Threshold_reads_as_a_sentence_and_as_a_cell()
    {
        var threshold = Threshold.Of(Metric.Agreement, 0.9);
        Assert.Equal(("Agreement at least 0.9", "agreement >= 90.0 %"), (threshold.ToString(), threshold.Brief()));
        var error = Threshold.Of(Metric.RootMeanSquareError, 12.5, "cycles");
        Assert.Equal(("RMSE at most 12.5 cycles", "RMSE <= 12.5 cycles"), (error.ToString(), error.Brief()));
    }

    [Theory]
    [InlineData(0.41, 0.41)]
    [InlineData(-1, -1)]
    [InlineData(1e300, double.PositiveInfinity)]
    [InlineData(double.NaN, double.PositiveInfinity)]
    public void Milliseconds_that_no_time_span_holds_are_the_longest_there_is(double milliseconds, double expected)
    {
        var latency = LatencySummary.OfMilliseconds(milliseconds, 1, 1);
        Assert.Equal(double.IsFinite(expected) ? TimeSpan.FromMilliseconds(expected) : TimeSpan.MaxValue, latency.P50);
    }
}
