using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

/// <summary>What a release promises of a variant, and what a figure may lose.</summary>
public sealed class PromisedScoresTests
{
    [Fact]
    public void Release_promises_what_was_measured_on_the_samples_that_travel_and_what_running_costs()
    {
        var variant = new VariantReport
        {
            Id = "x64-int8",
            Profile = "x64",
            Scheme = "int8-static-u8s8",
            Accepted = true,
            Scores = new Scores { PeakMemoryBytes = 1000, Samples = 2000 }.With(Metric.RootMeanSquareError, 15.7, "cycles"),
        };
        Assert.Equal(variant.Scores, variant.Promised());
        var travelling = new Scores { Samples = 64 }.With(Metric.RootMeanSquareError, 13.1, "cycles");
        var promised = (variant with { Travelling = travelling }).Promised()!;
        Assert.Equal((64, 13.1, 1000L), (promised.Samples, promised.Find("rmse")!.Value, promised.PeakMemoryBytes));
        Assert.Equal(13.1 * 1.02, new GateSpec().For(ModelTask.Regression, promised).Thresholds[0].Maximum!.Value, 1e-9);
    }

    [Fact]
    public void Share_may_lose_points_and_an_error_a_share_of_itself()
    {
        Assert.Equal(0.94, Threshold.Allowing(MetricValue.Of(Metric.Accuracy, 0.95), 0.01).Minimum!.Value, 1e-12);
        Assert.Equal(0.6, Threshold.Allowing(MetricValue.Of(Metric.Map50To95, 0.62), 0.02).Minimum!.Value, 1e-12);
        Assert.Equal(15.15, Threshold.Allowing(MetricValue.Of(Metric.RootMeanSquareError, 15, "cycles"), 0.01).Maximum!.Value, 1e-12);
        Assert.Equal(27, Threshold.Allowing(MetricValue.Of(Metric.SignalToNoise, 30), 0.01).Minimum!.Value, 1e-12);
    }
}
