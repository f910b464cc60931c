using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Seeds;

namespace Fleet.Modeling.Tests.Seeds;

/// <summary>What figures of several seeds say together.</summary>
public sealed class SeedRulesTests
{
    private static readonly double[] Reached = [0.80, 0.90, 0.85, 0.75, 0.95];

    [Fact]
    public void Interval_is_that_of_Student_and_wider_where_seeds_share_what_they_learn_from()
    {
        // s = 0.079057, t(4) = 2.776445: 2.776445 * 0.079057 / sqrt(5).
        var same = SeedRules.Over("student", Of(Reached), shared: 0);
        Assert.Equal(0.85, same.Mean.Value, 9);
        Assert.Equal(0.079057, same.Deviation, 6);
        Assert.Equal(0.098162, same.Mean.Value - same.Interval.Low, 5);
        Assert.Equal(same.Mean.Value - same.Interval.Low, same.Interval.High - same.Mean.Value, 9);
        // A quarter as many test as learn: the root of 1/5 + 1/4 in place of that of 1/5.
        var own = SeedRules.Over("student", Of(Reached), shared: 0.25);
        Assert.Equal(0.098162 * 1.5, own.Mean.Value - own.Interval.Low, 5);
        // What is a share ends at all of it.
        Assert.Equal(0.997243, own.Interval.High, 5);
        Assert.Equal(1, SeedRules.Within(SeedRules.Over("student", Of([0.99, 0.9]), shared: 0)).Interval.High);
    }

    [Fact]
    public void Seeds_that_are_alike_by_chance_are_no_surer_than_their_samples()
    {
        var alike = SeedRules.Over("constant", Of([0.2, 0.2, 0.2]), shared: 0.25, errors: [0.15, 0.15, 0.15]);
        Assert.Equal(0, alike.Deviation, 9);
        // 1.959964 * 0.15 * sqrt(1/3 + 1/4).
        Assert.Equal(0.224541, alike.Mean.Value - alike.Interval.Low, 5);
    }

    [Fact]
    public void Gains_are_paired_and_of_errors_less_is_better()
    {
        MetricValue Error(double value) => MetricValue.Of(Metric.RootMeanSquareError, value, "kW");
        SeedFigures Seed(int seed, double student, double alone) => new(
            new SeedReport(seed, "mlp of width 8", 40, 10, Error(student)) { LabelsAlone = Error(alone), Constant = Error(9) }, 0, 0.1);
        // Seeds scatter by ten, and the gain is one in each.
        var report = SeedRules.Report([Seed(7, 3, 4), Seed(8, 13, 14.1), Seed(9, 23, 23.9)], cutsTest: false);
        var gain = Assert.Single(report.Gains, one => one.Name == FloorReport.LabelsAlone);
        Assert.Equal(1, gain.Mean.Value, 9);
        Assert.Equal("kW", gain.Mean.Unit);
        Assert.InRange(gain.Interval.Low, 0.7, 0.8);
        Assert.True(report.Networks.Single(one => one.Name == "student").Interval.Low < 0);
        Assert.Equal("3 seeds, 7 to 9, all on the same test samples, so that intervals tell of seeds alone; what is released is of seed 7, "
            + "the first", report.ToString());
    }

    private static MetricValue[] Of(double[] figures) => [.. figures.Select(figure => MetricValue.Of(Metric.Accuracy, figure))];
}
