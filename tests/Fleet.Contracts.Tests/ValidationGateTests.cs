using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
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
    [InlineData(double.NaN, 1.0, 10, false, "accuracy that is not a number")]
    public void Gate_judges(double? accuracy, double? p95, int? mebibytes, bool passes, string why)
        => Assert.True(passes == Gate.Judge(Scores(accuracy, p95, mebibytes)).Passed, why);

    [Fact]
    public void Every_figure_that_misses_is_named_with_both_numbers()
    {
        var reasons = Gate.Judge(Scores(0.8512, 12.5, 80)).Reasons;
        Assert.Equal(
            [
                "Accuracy 0.8512 is below the required 0.9.", "Latency p95 12.5 ms is above the allowed 10 ms.",
                "Peak memory 83.886 MB is above the allowed 67.109 MB.",
            ], reasons);
    }

    [Fact]
    public void Figure_that_is_missing_is_called_not_measured()
        => Assert.Equal(["Accuracy was not measured; 0.9 is required."], Gate.Judge(Scores(null, 1, 1)).Reasons);

    [Fact]
    public void Limit_of_any_metric_is_judged_and_named()
    {
        var gate = new ValidationGate
        {
            Thresholds = [
                Threshold.Of(Metric.MacroF1, 0.75), Threshold.Of(Metric.RootMeanSquareError, 14, "cycles"),
                Threshold.Of(Metric.SignalToNoise, 20),
            ],
        };
        var measured = new Scores().With(Metric.MacroF1, 0.71).With(Metric.RootMeanSquareError, 15.25, "cycles")
            .With(Metric.SignalToNoise, 20);
        Assert.Equal(["Macro F1 0.71 is below the required 0.75.", "RMSE 15.25 cycles is above the allowed 14 cycles."],
            gate.Judge(measured).Reasons);
        Assert.Equal("RMSE at most 14 cycles", gate.Thresholds[1].ToString());
    }

    [Fact]
    public void Limit_of_a_metric_nobody_knows_lets_nothing_pass()
        => Assert.Equal(["toxicity was not measured; 0.1 % is allowed."],
            new ValidationGate { Thresholds = [new Threshold { Metric = "toxicity", Maximum = 0.1, Unit = "%" }] }
                .Judge(new Scores()).Reasons);

    [Fact]
    public void Metric_that_decides_follows_the_task_and_what_was_measured()
    {
        var spec = new GateSpec { AccuracyTolerance = 0.02 };
        Assert.Equal("Accuracy at least 0.96",
            spec.For(ModelTask.Classification, new Scores { Accuracy = 0.98, Agreement = 0.99 }).Thresholds.Single().ToString());
        Assert.Equal("Agreement at least 0.97",
            spec.For(ModelTask.Classification, new Scores { Agreement = 0.99 }).Thresholds.Single().ToString());
        Assert.Equal("RMSE at most 12.24 cycles",
            spec.For(ModelTask.Regression, new Scores().With(Metric.RootMeanSquareError, 12, "cycles")).Thresholds.Single().ToString());
        Assert.Equal("Signal to noise at least 27 dB",
            spec.For(ModelTask.Regression, new Scores().With(Metric.SignalToNoise, 30)).Thresholds.Single().ToString());
        Assert.Equal("Cosine at least 0.97",
            spec.For(ModelTask.Outputs, new Scores { Agreement = 0.9 }.With(Metric.Cosine, 0.99)).Thresholds.Single().ToString());
    }

    [Fact]
    public void Limit_that_a_person_set_stands_in_place_of_what_would_follow()
    {
        var spec = new GateSpec
        {
            MaximumLatencyP95 = TimeSpan.FromMilliseconds(5),
            Thresholds = [Threshold.Of(Metric.MacroF1, 0.9), Threshold.Of(Metric.Accuracy, 0.8)],
        };
        Assert.Equal(["Macro F1 at least 0.9", "Accuracy at least 0.8", "Latency p95 at most 5 ms"],
            spec.For(ModelTask.Classification, new Scores { Accuracy = 0.98 }).Thresholds.Select(one => one.ToString()));
    }

    [Fact]
    public void Gate_that_asks_nothing_passes_everything() => Assert.True(new ValidationGate().Judge(new Scores()).Passed);

    [Fact]
    public void Gate_of_a_variant_follows_what_the_server_measured()
    {
        var spec = new GateSpec { AccuracyTolerance = 0.02, MaximumLatencyP95 = TimeSpan.FromMilliseconds(5) };
        Assert.Equal(0.96, spec.For(ModelTask.Classification, new Scores { Accuracy = 0.98 }).MinimumAccuracy!.Value, 9);
        Assert.Equal(TimeSpan.FromMilliseconds(5), spec.For(ModelTask.Classification, new Scores()).MaximumLatencyP95);
        Assert.Null(spec.For(ModelTask.Classification, new Scores()).MinimumAccuracy);
        Assert.Equal(0, spec.For(ModelTask.Classification, new Scores { Accuracy = 0.01 }).MinimumAccuracy);
    }

    private static Scores Scores(double? accuracy, double? p95, int? mebibytes) => new()
    {
        Accuracy = accuracy,
        Latency = p95 is { } milliseconds
            ? new LatencySummary(TimeSpan.Zero, TimeSpan.FromMilliseconds(milliseconds), TimeSpan.MaxValue)
            : null,
        PeakMemoryBytes = mebibytes is { } size ? (long)size << 20 : null,
    };
}
