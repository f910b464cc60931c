using Fleet.Agent.Deployment;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Deployment;

public sealed class VariantChoiceTests
{
    [Fact]
    public void Nothing_passed_means_nothing_is_chosen() => Assert.Null(VariantChoice.Best(ModelTask.Classification, []));

    [Fact]
    public void Clearly_more_accurate_wins_although_it_is_slower_and_larger()
        => Assert.Equal("fp16", Best(("int8", 0.95, 1, 10), ("fp16", 0.97, 9, 90)));

    [Fact]
    public void Equally_accurate_within_half_a_point_goes_to_the_faster()
        => Assert.Equal("int8", Best(("int8", 0.966, 1, 90), ("fp16", 0.970, 9, 10)));

    [Fact]
    public void Just_past_half_a_point_the_faster_loses()
        => Assert.Equal("fp16", Best(("int8", 0.9649, 1, 10), ("fp16", 0.970, 9, 90)));

    [Fact]
    public void Equally_fast_within_five_percent_goes_to_the_smaller()
        => Assert.Equal("small", Best(("large", 0.97, 1.00, 90), ("small", 0.97, 1.05, 10)));

    [Fact]
    public void Equal_in_everything_goes_by_id_whatever_the_order()
    {
        Assert.Equal("a", Best(("a", 0.9, 1, 10), ("b", 0.9, 1, 10)));
        Assert.Equal("a", Best(("b", 0.9, 1, 10), ("a", 0.9, 1, 10)));
    }

    [Fact]
    public void Figure_that_was_not_measured_counts_as_the_worst()
    {
        Assert.Equal("measured", Best(("unmeasured", null, 1, 10), ("measured", 0.5, 9, 90)));
        Assert.Equal("timed", Best(("untimed", 0.9, null, 10), ("timed", 0.9, 9, 90)));
        Assert.Equal("small", Best(("large", null, null, 90), ("small", null, null, 10)));
    }

    [Fact]
    public void Tolerances_do_not_add_up_along_a_chain()
        // Each is within half a point of the next, but the last is not of the first: the best of all is what counts.
        => Assert.Equal("second", Best(("first", 0.970, 9, 10), ("second", 0.966, 5, 10), ("third", 0.962, 1, 10)));

    [Theory]
    [InlineData(12.0, 12.05, "int8", "half a percent more error is noise")]
    [InlineData(12.0, 12.07, "fp32", "more than that is not")]
    public void Error_is_better_when_it_is_smaller(double before, double after, string chosen, string why)
    {
        MeasuredVariant Measured(string id, double error, double p95) => new(
            new Variant
            {
                Id = id,
                Profile = "x64",
                Scheme = "any",
                Artifact = new ArtifactReference(id, new string('a', 64), 1),
                Expected = new Scores(),
                Gate = new ValidationGate(),
            },
            new Scores { Latency = LatencySummary.OfMilliseconds(p95, p95, p95) }.With(Metric.RootMeanSquareError, error, "cycles"));
        Assert.True(chosen == VariantChoice.Best(
            ModelTask.Regression, [Measured("fp32", before, 9), Measured("int8", after, 1)])!.Variant.Id, why);
    }

    private static string? Best(params (string Id, double? Accuracy, double? P95, long Bytes)[] variants)
        => VariantChoice.Best(ModelTask.Classification, [.. variants.Select(one => new MeasuredVariant(
            new Variant
            {
                Id = one.Id,
                Profile = "x64",
                Scheme = "any",
                Artifact = new ArtifactReference(one.Id, new string('a', 64), one.Bytes),
                Expected = new Scores(),
                Gate = new ValidationGate(),
            },
            new Scores
            {
                Accuracy = one.Accuracy,
                Latency = one.P95 is { } p95
                    ? new LatencySummary(TimeSpan.FromMilliseconds(p95 / 2), TimeSpan.FromMilliseconds(p95),
                        TimeSpan.FromMilliseconds(p95 * 2))
                    : null,
            }))])?.Variant.Id;
}
