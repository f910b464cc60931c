using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

public sealed class ValidationGateTests
{
    private static readonly ValidationGate Gate = new()
    {
        MinimumAccuracy = 0.9,
        MaximumLatencyP95 = TimeSpan.FromMilliseconds(10),
        MaximumMemoryBytes = 64 << 20,
    };

    [Theory]
    [InlineData(0.9, 10.0, 64, true, "each figure exactly at its limit passes")]
    [InlineData(0.95, 1.0, 10, true, "better than asked passes")]
    [InlineData(0.8999, 1.0, 10, false, "accuracy below")]
    [InlineData(0.95, 10.001, 10, false, "latency above")]
    [InlineData(0.95, 1.0, 65, false, "memory above")]
    [InlineData(null, 1.0, 10, false, "accuracy nobody measured")]
    [InlineData(0.95, null, 10, false, "latency nobody measured")]
    [InlineData(0.95, 1.0, null, false, "memory nobody measured")]
    [InlineData(double.NaN, 1.0, 10, false, "accuracy that is no number")]
    public void Gate_judges(double? accuracy, double? p95, int? mebibytes, bool passes, string why)
        => Assert.True(passes == Gate.Judge(Scores(accuracy, p95, mebibytes)).Passed, why);

    [Fact]
    public void Every_figure_that_misses_is_named_with_both_numbers()
    {
        var reasons = Gate.Judge(Scores(0.8512, 12.5, 80)).Reasons;
        Assert.Equal(
            ["Accuracy 0.8512 is below the required 0.9.", "Latency p95 in ms 12.5 is above the allowed 10.", "Peak memory in MiB 80 is above the allowed 64."], reasons);
    }

    [Fact]
    public void Figure_that_is_missing_is_called_not_measured()
        => Assert.Equal(["Accuracy (not measured) is below the required 0.9."], Gate.Judge(Scores(null, 1, 1)).Reasons);

    [Fact]
    public void Gate_that_asks_nothing_passes_everything() => Assert.True(new ValidationGate().Judge(new Scores()).Passed);

    [Fact]
    public void Gate_of_a_variant_follows_what_the_server_measured()
    {
        var spec = new GateSpec { AccuracyTolerance = 0.02, MaximumLatencyP95 = TimeSpan.FromMilliseconds(5) };
        Assert.Equal(0.96, spec.For(new Scores { Accuracy = 0.98 }).MinimumAccuracy!.Value, 9);
        Assert.Equal(TimeSpan.FromMilliseconds(5), spec.For(new Scores()).MaximumLatencyP95);
        Assert.Null(spec.For(new Scores()).MinimumAccuracy);
        Assert.Equal(0, spec.For(new Scores { Accuracy = 0.01 }).MinimumAccuracy);
    }

    private static Scores Scores(double? accuracy, double? p95, int? mebibytes) => new()
    {
        Accuracy = accuracy,
        Latency = p95 is { } milliseconds ? new LatencySummary(TimeSpan.Zero, TimeSpan.FromMilliseconds(milliseconds), TimeSpan.MaxValue) : null,
        PeakMemoryBytes = mebibytes is { } size ? (long)size << 20 : null,
    };
}
