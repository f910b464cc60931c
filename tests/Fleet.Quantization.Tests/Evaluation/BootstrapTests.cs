using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Evaluation;
using MathNet.Numerics.Distributions;

namespace Fleet.Quantization.Tests.Evaluation;

public sealed class BootstrapTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(30)]
    [InlineData(200)]
    public void Interval_of_a_root_mean_square_holds_the_truth_about_nineteen_times_in_twenty(int samples)
    {
        // Errors are normal with a deviation of 1, which the root of their mean square estimates.
        var random = new Random(5);
        var (held, rounds) = (0, 400);
        var bootstrap = new Bootstrap(samples);
        for (var round = 0; round < rounds; round++)
        {
            float[] errors = [
                .. Enumerable.Range(0, samples).Select(_ =>
                    (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))),
            ];
            var score = Regression(errors);
            var interval = bootstrap.Intervals(score.Measured(), bootstrap.Of(score, TestContext.Current.CancellationToken))
                .Single(one => one.Name == Metric.RootMeanSquareError.Name);
            if (interval.Holds(1)) held++;
        }
        // A root of few squares is skewed, which percentiles do not follow.
        Assert.InRange((double)held / rounds, samples < 20 ? 0.85 : 0.91, 0.985);
    }

    /// <summary>A few samples make most of the noise: where they are missing, they are missing from every draw.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(24)]
    public void Interval_of_decibels_holds_the_truth_where_noise_is_uneven(int samples)
    {
        var random = new Random(9);
        var (held, heldByPercentiles, rounds) = (0, 0, 150);
        var bootstrap = new Bootstrap(samples);
        for (var round = 0; round < rounds; round++)
        {
            // Power of noise: the exponential of a normal number, 1/2 more than its median in the mean.
            float[] noise = [.. Enumerable.Range(0, samples).Select(_ => (float)Math.Exp(0.5 * Normal.Sample(random, 0, 1)))];
            var score = Closeness(noise);
            var measured = score.Measured();
            var resampled = bootstrap.Of(score, TestContext.Current.CancellationToken);
            var truth = -10 / Math.Log(10) * 0.5;
            bool Holds(Resampling of)
                => bootstrap.Intervals(measured, of).Single(one => one.Name == Metric.SignalToNoise.Name).Holds(truth);
            if (Holds(resampled)) held++;
            if (Holds(resampled with { Studentized = [] })) heldByPercentiles++;
        }
        Assert.InRange((double)held / rounds, 0.86, 0.99);
        Assert.True(held > heldByPercentiles, $"{held} against {heldByPercentiles}");
    }

    /// <summary>Drawn one by one, ten alike samples of each file pass for ten times as much as they tell.</summary>
    [Theory]
    [InlineData(true, 0.87, 0.99)]
    [InlineData(false, 0, 0.7)]
    public void Interval_over_alike_samples_holds_the_truth_only_where_a_file_is_drawn_as_one(bool together, double least, double most)
    {
        var random = new Random(6);
        var (files, each, held, rounds) = (30, 10, 0, 200);
        int[][] groups = [.. Enumerable.Range(0, files).Select(file => Enumerable.Range(file * each, each).ToArray())];
        int[] samples = [.. Enumerable.Range(0, files * each)];
        var bootstrap = new Bootstrap(together ? SampleClusters.Of(samples, groups) : SampleClusters.Single(samples.Length));
        for (var round = 0; round < rounds; round++)
        {
            float[] errors = [
                .. Enumerable.Range(0, files).SelectMany(_ => Enumerable.Repeat((float)Normal.Sample(random, 0, 1), each)),
            ];
            var score = Regression(errors);
            var interval = bootstrap.Intervals(score.Measured(), bootstrap.Of(score, TestContext.Current.CancellationToken))
                .Single(one => one.Name == Metric.RootMeanSquareError.Name);
            if (interval.Holds(1)) held++;
        }
        Assert.InRange((double)held / rounds, least, most);
    }

    [Fact]
    public void Boxes_of_a_single_picture_tell_nothing_of_others()
        => Assert.Null(new Bootstrap(10).IntervalOf(MetricValue.Of(Metric.Map50, 0.4), [.. Enumerable.Repeat(0.4, 1_000)]));

    [Fact]
    public void Share_of_one_is_not_certain_however_often_the_same_samples_are_drawn()
    {
        var bootstrap = new Bootstrap(30);
        double[] drawn = [.. Enumerable.Repeat(1.0, 1_000)];
        // The rule of three; and of right decisions Wilson's interval of 30 of 30.
        var boxes = bootstrap.IntervalOf(MetricValue.Of(Metric.BoxAgreement, 1), drawn)!;
        Assert.Equal((0.9, 1.0), (Math.Round(boxes.Low, 9), boxes.High));
        var accuracy = bootstrap.IntervalOf(MetricValue.Of(Metric.Accuracy, 1), drawn)!;
        Assert.Equal((0.8865, 1.0), (Math.Round(accuracy.Low, 4), accuracy.High));
        // Nothing lost may be won or lost on the next samples.
        var lost = bootstrap.LossOf(MetricValue.Of(Metric.Accuracy, 0), new double[1_000])!;
        Assert.Equal((-0.1, 0.1), (Math.Round(lost.Low, 9), Math.Round(lost.High, 9)));
    }

    [Fact]
    public void Two_samples_tell_nothing_of_how_they_scatter()
    {
        var bootstrap = new Bootstrap(2);
        var score = Regression([1, 2]);
        Assert.Empty(bootstrap.Of(score, TestContext.Current.CancellationToken).Draws);
        Assert.Empty(bootstrap.Intervals(score.Measured(), bootstrap.Of(score, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public void Weight_counts_a_sample_as_often_as_it_would_stand_there()
    {
        var (once, thrice) = (Regression([1, 5]), Regression([1, 5, 5, 5]));
        Assert.Equal(
            thrice.Measured().Select(value => value.Value), once.Measured(new SampleWeights([1, 3])).Select(value => value.Value));
        Assert.Equal(
            Regression([1]).Measured().Select(value => value.Value), once.Measured(new SampleWeights([1, 0])).Select(value => value.Value));
    }

    /// <summary>Outputs of one number, which the float model answers with 1.</summary>
    private static TaskScore Closeness(float[] noise)
    {
        var references = new Dictionary<string, NpyArray>
        {
            [TaskDefinition.ReferencePrefix + "y"] = NpyArray.Of([.. Enumerable.Repeat(1f, noise.Length)], noise.Length, 1),
        };
        var score = TaskScore.For(SampleTruth.Read(ModelTask.Outputs, references, noise.Length), ["y"]);
        return Taken(score, [.. noise.Select(one => 1 + one)]);
    }

    private static TaskScore Regression(float[] errors)
    {
        var labels = new Dictionary<string, NpyArray> { ["labels"] = NpyArray.Of(new float[errors.Length], errors.Length) };
        return Taken(TaskScore.For(SampleTruth.Read(ModelTask.Regression, labels, errors.Length), ["y"]), errors);
    }

    private static TaskScore Taken(TaskScore score, float[] values)
    {
        foreach (var value in values)
        {
            score.Add((string _, out int columns) =>
            {
                columns = 1;
                return new[] { value };
            });
        }
        return score;
    }
}
