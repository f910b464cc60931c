using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
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

    /// <summary>Of a linear student of family auto there is no teacher, in one seed and not in the next.</summary>
    [Fact]
    public void Seed_without_a_teacher_says_nothing_of_teachers()
    {
        SeedFigures Seed(int seed, double? teacher, double? error) => new(
            new SeedReport(seed, "linear", 40, 10, Of([0.9])[0])
            {
                Teacher = teacher is { } reached ? Of([reached])[0] : null,
                Constant = Of([0.5])[0],
            }, error, 0.1);
        SeedsFigure? Gain(double? error, params SeedFigures[] others) => SeedRules.GainByAll(
            Of([0.4])[0], error, others, seed => seed.Report.Teacher, seed => seed.TeacherError);
        var gain = Gain(0.1, Seed(8, null, null), Seed(9, 0.8, 0.1))!;
        Assert.Equal(0.35, gain.Mean.Value, 9);
        // t(1) = 12.7062, s = 0.070711, sqrt(1/2 + 1/4).
        Assert.Equal(0.778092, gain.Mean.Value - gain.Interval.Low, 5);
        Assert.Null(Gain(0.1, Seed(8, null, null)));
    }

    [Fact]
    public void Gain_whose_error_nobody_knows_is_told_by_no_seeds()
    {
        SeedFigures Seed(double? error) => new(
            new SeedReport(8, "mlp of width 8", 40, 2, Of([1])[0]) { Constant = Of([0.5])[0] }, null, error);
        SeedsFigure? Gain(double? error, params SeedFigures[] others) => SeedRules.GainByAll(
            Of([0.5])[0], error, others, seed => seed.Report.Student, seed => seed.StudentError);
        Assert.True(Gain(0.1, Seed(0.1))!.Interval.Low > 0);
        Assert.Null(Gain(null, Seed(0.1)));
        Assert.Null(Gain(0.1, Seed(0.1), Seed(null)));
        Assert.Single(SeedRules.Report([Seed(0.1), Seed(0.1)], cutsTest: true).Gains);
        Assert.Empty(SeedRules.Report([Seed(0.1), Seed(null)], cutsTest: true).Gains);
    }

    [Theory]
    [InlineData(true, 0.3, -0.1, "Alone")]
    [InlineData(true, 0.3, 0.1, "Alone")] // the gain by all eases nothing
    [InlineData(false, 0.3, 0.1, "Together")]
    [InlineData(false, 0, 0.1, "None")]
    [InlineData(false, 0.3, -0.1, "None")]
    [InlineData(true, 0.3, -0.5, "None")] // by luck
    public void Seeds_together_serve_where_the_first_ones_samples_do_not_tell(bool isTold, double own, double low, string verdict)
    {
        var gain = new SeedsFigure(SeedsReport.Constant, Of([low + 0.2])[0], 0, new MetricInterval(Metric.Accuracy.Name, low, low + 0.4));
        Assert.Equal(verdict, SeedRules.Judge(isTold, Of([own])[0], gain).ToString());
        Assert.Equal(low > 0 && own > 0, SeedRules.Keeps(gain, Of([own])[0], lost: 0.05));
        Assert.False(SeedRules.Keeps(gain, Of([own])[0], lost: 0.1));
    }

    [Fact]
    public void Anomalies_and_given_samples_test_every_seed_alike()
    {
        Assert.True(new DataSpec { Kind = "csv", Train = "a.csv" }.CutsTest);
        Assert.False(new DataSpec { Kind = "csv", Train = "a.csv", Task = ModelTask.Anomaly }.CutsTest);
        Assert.False(new DataSpec { Kind = "csv", Train = "a.csv", Test = "b.csv" }.CutsTest);
        Assert.False(new DataSpec { Kind = "csv", Train = "a.csv", Split = "time" }.CutsTest);
    }

    [Fact]
    public void What_a_search_found_is_built_with_as_many_seeds()
    {
        var asked = new BuildSpec
        {
            Model = "pump",
            Data = new DataSpec { Kind = "csv", Train = "a.csv" },
            Student = new StudentSpec { Family = StudentSpec.Auto, Minutes = 30 },
            Seeds = 3,
        };
        var ofSeed = SeedTrials.Of(asked, 0);
        Assert.Equal((null, 10.0), (ofSeed.Seeds, ofSeed.Student!.Minutes!.Value));
        var found = new SearchReport
        {
            Found = ofSeed with { Student = new StudentSpec { Family = "mlp", Width = 8 } },
            HeldOut = "3 folds",
            Minutes = 10,
            ProcessorSeconds = 1,
            Trials = [],
        };
        Assert.Equal(found.Found with { Seeds = 3 }, SeedTrials.Found(asked, found)!.Found);
        Assert.Null(SeedTrials.Found(asked, null));
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
        Assert.Equal("3 seeds, 7 to 9, with test samples in common, so that intervals tell of seeds alone; what is released is of seed 7, "
            + "the first", report.ToString());
    }

    private static MetricValue[] Of(double[] figures) => [.. figures.Select(figure => MetricValue.Of(Metric.Accuracy, figure))];
}
