using Fleet.Contracts.Scoring;

namespace Fleet.Contracts.Tests.Scoring;

public sealed class ScoringTests
{
    [Fact]
    public void Accuracy_is_the_share_decided_as_labelled()
    {
        Assert.Equal(0.75, ClassificationScore.Accuracy([0, 1, 2, 2], [0, 1, 2, 1]));
        Assert.Equal(0, ClassificationScore.Accuracy([], []));
        Assert.Throws<ArgumentException>(() => ClassificationScore.Accuracy([0], [0, 1]));
    }

    [Theory]
    [InlineData(new long[] { 0, 2, 1, 0, 0, 1 }, new long[] { 0, 1, 2, 0, 1, 2 }, 0.26666666666666666,
        "the example of scikit-learn's f1_score")]
    [InlineData(new long[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, new long[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0.47368421052631576,
        "a rare class never found: 90 % accuracy")]
    [InlineData(new long[] { 3, 3 }, new long[] { 3, 3 }, 1, "only classes that occur count")]
    [InlineData(new long[] { }, new long[] { }, 0, "no samples")]
    public void Macro_f1_weighs_each_class_alike(long[] decided, long[] labels, double expected, string why)
        => Assert.True(Math.Abs(expected - ClassificationScore.MacroF1(decided, labels)) < 1e-12, why);

    [Theory]
    [InlineData(new float[] { 1, 3, 2 }, 1)]
    [InlineData(new float[] { 2, 2 }, 0)]
    [InlineData(new[] { 0.51f }, 1)] // a probability alone
    [InlineData(new[] { 0.5f }, 0)]
    [InlineData(new[] { float.NaN }, 0)]
    [InlineData(new[] { float.NaN, -5f, 1f }, 2)]
    [InlineData(new[] { 1f, float.NaN }, 0)]
    [InlineData(new[] { float.NegativeInfinity, float.NegativeInfinity }, 0)]
    public void Largest_score_decides(float[] scores, int expected) => Assert.Equal(expected, ClassificationScore.Decide(scores));

    [Fact]
    public void Errors_of_predicted_numbers_are_those_of_scikit_learn_s_examples()
    {
        float[] predicted = [2.5f, 0.0f, 2, 8], labels = [3, -0.5f, 2, 7];
        Assert.Equal(0.5, RegressionScore.MeanAbsoluteError(predicted, labels), 9);
        Assert.Equal(0.6123724356957945, RegressionScore.RootMeanSquareError(predicted, labels), 9);
    }

    [Fact]
    public void Prediction_that_is_not_a_number_is_infinitely_wrong()
    {
        Assert.Equal(double.PositiveInfinity, RegressionScore.MeanAbsoluteError([float.NaN, 1], [1, 1]));
        Assert.Equal(double.PositiveInfinity, RegressionScore.RootMeanSquareError([float.NegativeInfinity], [1]));
    }

    [Fact]
    public void Recall_is_the_share_of_neighbours_kept()
    {
        // On a circle at 0, 10, 25 and 90 degrees: of each the nearest is known by hand.
        var reference = Circle(0, 10, 25, 90);
        Assert.Equal(1, EmbeddingScore.Recall(reference, reference, 4, 1)!.Value);
        // The last two change places: 0 and 10 degrees still have each other; the other two now have the wrong one.
        Assert.Equal(0.5, EmbeddingScore.Recall(Circle(0, 10, 90, 25), reference, 4, 1)!.Value);
        Assert.Equal(1, EmbeddingScore.Recall(Circle(0, 10, 90, 25), reference, 4, 3)!.Value);
    }

    [Fact]
    public void Length_of_vectors_does_not_change_who_is_near()
    {
        var reference = Circle(0, 10, 25, 90);
        var scaled = reference.Select((value, i) => value * (1 + i / 2)).ToArray();
        Assert.Equal(1, EmbeddingScore.Recall(scaled, reference, 4, 2)!.Value);
    }

    [Fact]
    public void Recall_of_a_single_sample_says_nothing() => Assert.Null(EmbeddingScore.Recall([1, 0], [1, 0], 1));

    [Fact]
    public void Vector_without_numbers_is_nobody_s_neighbour()
        => Assert.True(EmbeddingScore.Recall([1, 0, float.NaN, float.NaN, 0.9f, 0.1f, 0, 1], Circle(0, 10, 25, 90), 4, 1) < 1);

    [Fact]
    public void Decibels_and_cosine_are_those_reckoned_by_hand()
    {
        var score = new OutputScore().Add([1.1f, 2], [1, 2]).Add([3], [3]);
        Assert.Equal(10 * Math.Log10(14 / 0.01), score.SignalToNoise, 3);
        Assert.Equal((1.1 + 4 + 9) / Math.Sqrt(14 * (1.21 + 4 + 9)), score.Cosine, 6);
    }

    [Fact]
    public void Equal_outputs_have_the_decibels_that_stand_for_it()
    {
        Assert.Equal(OutputScore.ExactDecibels, new OutputScore().Add([1, 2], [1, 2]).SignalToNoise);
        Assert.Equal(1, new OutputScore().Add([0], [0]).Cosine);
        Assert.Equal(-OutputScore.ExactDecibels, new OutputScore().Add([float.NaN], [1]).SignalToNoise);
        Assert.Equal(0, new OutputScore().Add([float.NaN], [1]).Cosine);
        Assert.Equal(OutputScore.ExactDecibels, new OutputScore().Add([5], [float.NegativeInfinity]).SignalToNoise);
    }

    private static float[] Circle(params int[] degrees)
        => [.. degrees.SelectMany(angle => new[] { (float)Math.Cos(angle * Math.PI / 180), (float)Math.Sin(angle * Math.PI / 180) })];
}
