using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

public sealed class VariantReasonsTests
{
    [Theory]
    [InlineData(1, "l1")]
    [InlineData(6, "l1, l2, l3, l4, l5, l6")]
    [InlineData(31, "l1, l2, l3, l4, l5, l6 and 25 more")]
    public void Sentence_names_a_few_layers_and_counts_the_others(int layers, string expected)
        => Assert.Equal(expected, VariantReasons.Named(Enumerable.Range(1, layers).Select(number => $"l{number}")));

    [Fact]
    public void Rejection_names_the_metric_both_figures_and_the_limit()
    {
        static string Of(MetricValue figure, MetricValue original)
            => VariantReasons.Rejection(figure, original, Threshold.Allowing(original, 0.01));
        MetricValue Cycles(double value) => MetricValue.Of(Metric.RootMeanSquareError, value, "cycles");
        Assert.Equal("RMSE is 20.3 cycles, and 15 cycles of the float model; at most 15.15 cycles is allowed.",
            Of(Cycles(20.3), Cycles(15)));
        Assert.Equal("Accuracy is 0.9, and 0.95 of the float model; at least 0.94 is required.",
            Of(MetricValue.Of(Metric.Accuracy, 0.9), MetricValue.Of(Metric.Accuracy, 0.95)));
        Assert.Equal("RMSE could not be measured, because outputs are not finite numbers; at most 15.15 cycles is allowed.",
            Of(Cycles(double.PositiveInfinity), Cycles(15)));
        Assert.Equal("Signal to noise is 9.1 dB against the float model; at least 15.0 dB is required.", VariantReasons.Rejection(
            MetricValue.Of(Metric.SignalToNoise, 9.1), MetricValue.Of(Metric.SignalToNoise, 200), Threshold.Of(Metric.SignalToNoise, 15)));
    }
}
