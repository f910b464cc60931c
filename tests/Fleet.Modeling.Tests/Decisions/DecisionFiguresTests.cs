using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;

namespace Fleet.Modeling.Tests.Decisions;

/// <summary>What is told of each class, against figures by hand.</summary>
public sealed class DecisionFiguresTests
{
    private static SampleSet Labelled(params long[] labels) => new(new float[labels.Length], [1, 1], labels);

    // Logits that decide for a class with the given probability, the rest shared evenly.
    private static float[] Sure(int columns, params (int Decided, double Probability)[] answers)
        => [
            .. answers.SelectMany(answer => Enumerable.Range(0, columns).Select(column => (float)Math.Log(
                column == answer.Decided ? answer.Probability : (1 - answer.Probability) / (columns - 1)))),
        ];

    [Fact]
    public void Recall_precision_and_mistakes_of_each_class_are_those_of_the_confusion_matrix()
    {
        var answers = Sure(3, (0, 0.9), (0, 0.9), (0, 0.9), (1, 0.9), (1, 0.9), (0, 0.9), (0, 0.9));
        var report = DecisionFigures.Of(Labelled(0, 0, 0, 0, 1, 1, 1), answers, Labelled(), [])!;
        Assert.Equal([new ClassFigures(4, 0.75, 0.6), new ClassFigures(3, 1.0 / 3, 0.5), new ClassFigures(0, null, null)], report.Classes);
        Assert.Equal([new Confusion(1, 0, 2), new Confusion(0, 1, 1)], report.Confusions);
        Assert.Equal((0.75 + 1.0 / 3) / 2, report.BalancedAccuracy, 9);
        Assert.Null(report.Temperature);
    }

    [Fact]
    public void Calibration_error_is_the_distance_of_confidence_from_what_is_right_bin_by_bin()
    {
        // 0.9 sure and half right, 0.6 sure and all right: (4 x 0.4 + 2 x 0.4) / 6.
        var answers = Sure(2, (0, 0.9), (0, 0.9), (1, 0.9), (1, 0.9), (0, 0.6), (0, 0.6));
        Assert.Equal(0.4, Confidence.CalibrationError(answers, [0, 1, 1, 0, 0, 0]), 5);
        Assert.Equal(-(2 * Math.Log(0.9) + 2 * Math.Log(0.1) + 2 * Math.Log(0.6)) / 6,
            Confidence.NegativeLogLikelihood(answers, [0, 1, 1, 0, 0, 0]), 5);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0.5)]
    public void Temperature_that_logits_were_spoilt_with_is_found_and_mends_the_error(double spoilt)
    {
        var random = new Random(1);
        var (logits, labels) = (new float[4000 * 3], new long[4000]);
        for (var sample = 0; sample < labels.Length; sample++)
        {
            double[] own = [.. Enumerable.Range(0, 3).Select(_ => 4 * random.NextDouble())];
            double[] shares = [.. own.Select(Math.Exp)];
            var at = random.NextDouble() * shares.Sum();
            while ((at -= shares[labels[sample]]) > 0) labels[sample]++;
            for (var column = 0; column < 3; column++) logits[3 * sample + column] = (float)(own[column] * spoilt);
        }
        var report = DecisionFigures.Of(Labelled(labels), logits, Labelled(labels), logits)!;
        Assert.InRange(report.Temperature!.Value, 0.93 * spoilt, 1.07 * spoilt);
        Assert.InRange(report.CalibrationErrorAfter!.Value, 0, 0.03);
        Assert.True(report.CalibrationError > 0.1);
    }

    [Fact]
    public void Class_that_accuracy_hides_is_told_with_what_it_is_taken_for()
    {
        long[] labels = [.. Enumerable.Range(0, 100).Select(i => i < 90 ? 0L : 1)];
        DecisionReport Of(int found) => DecisionFigures.Of(Labelled(labels),
            Sure(2, [.. labels.Select((label, i) => (label == 1 && i < 90 + found ? 1 : 0, 0.9))]), Labelled(), [])!;
        string[] told = [.. DecisionFigures.Findings(Of(5), ["normal", "anomaly"])];
        Assert.Equal("Of class 'anomaly' the student finds 50 % (10 test samples), where it is right about 95 % of all: accuracy hides it. "
            + "It takes most of the others for 'normal'.", told[0]);
        Assert.Contains("classWeights", told[1], StringComparison.Ordinal);
        Assert.Empty(DecisionFigures.Findings(Of(10), ["normal", "anomaly"]));
        Assert.Empty(DecisionFigures.Findings(null, []));
    }
}
