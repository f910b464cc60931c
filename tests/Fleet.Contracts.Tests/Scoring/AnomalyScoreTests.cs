using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Tests.Scoring;

/// <summary>Scores of anomalies. Figures are those of scikit-learn's definitions, counted by hand.</summary>
public sealed class AnomalyScoreTests
{
    // By falling score: anomaly 3, normal 2, anomaly 1.5 beside a normal 1.5, normal 0.5, anomaly 0.25.
    private static readonly float[] Scores = [0.5f, 3, 1.5f, 2, 0.25f, 1.5f];
    private static readonly long[] Labels = [0, 1, 1, 0, 1, 0];

    private static SampleTruth Truth(params KeyValuePair<string, NpyArray>[] arrays)
        => SampleTruth.Read(ModelTask.Anomaly, new Dictionary<string, NpyArray>(arrays), Scores.Length);

    private static readonly KeyValuePair<string, NpyArray> Labelled = new("labels", NpyArray.Of(Labels, 6));

    private static TaskScore Scored(SampleTruth truth, float[]? scores = null)
    {
        var score = TaskScore.For(truth, ["score"]);
        foreach (var sample in Enumerable.Range(0, Scores.Length))
        {
            score.Add((string _, out int columns) =>
            {
                columns = 1;
                return (scores ?? Scores).AsSpan(sample, 1);
            });
        }
        return score;
    }

    private static double Of(TaskScore score, Metric metric) => score.Measured().Single(figure => figure.Name == metric.Name).Value;

    [Fact]
    public void Server_and_device_measure_a_model_by_the_area_below_its_curve_first()
    {
        var score = Scored(Truth(Labelled));
        // Of nine pairs the first anomaly wins three, the second one and a half of a tie, the third none.
        Assert.Equal(4.5 / 9, Of(score, Metric.RocAuc), 12);
        // Precision where each is found: 1 of 1, 2 of 4 (a tie is passed together), 3 of 6.
        Assert.Equal((1 + 0.5 + 0.5) / 3, Of(score, Metric.AveragePrecision), 12);
        Assert.Equal(Metric.RocAuc, TaskDefinition.Of(ModelTask.Anomaly).GateMetric(labelled: true));
        Assert.Equal(Metric.RocAuc.Name, score.Measured()[0].Name);
    }

    [Fact]
    public void Threshold_is_a_score_of_1()
    {
        var score = Scored(Truth(Labelled));
        // Above 1 are two anomalies and two normal samples.
        Assert.Equal(0.5, Of(score, Metric.Precision), 12);
        Assert.Equal(2.0 / 3, Of(score, Metric.Recall), 12);
        Assert.Equal(4.0 / 7, Of(score, Metric.F1), 12);
        Assert.Equal(2.0 / 3, Of(score, Metric.FalsePositiveRate), 12);
        Assert.False(AnomalyTask.IsAnomaly(1));
        Assert.True(AnomalyTask.IsAnomaly(float.NaN));
    }

    [Fact]
    public void Samples_that_are_drawn_twice_count_twice()
    {
        // Of anomalies 3 (twice) and 0.25, of normal ones 0.5 and 2 (twice): 6 of 9 pairs are right.
        var drawn = Scored(Truth(Labelled)).Measured(new SampleWeights([1, 2, 0, 2, 1, 0]));
        Assert.Equal(6.0 / 9, drawn[0].Value, 12);
        Assert.Empty(Scored(Truth(Labelled)).Measured(new SampleWeights([1, 0, 0, 2, 0, 3])));
    }

    [Fact]
    public void Without_labels_scores_are_held_against_those_of_the_float_model()
    {
        var reference = new KeyValuePair<string, NpyArray>("reference.score", NpyArray.Of([0.5f, 3, 0.9f, 2, 0.25f, 1.5f], 6, 1));
        var score = Scored(Truth(reference));
        Assert.Equal([Metric.SignalToNoise.Name, Metric.Cosine.Name, Metric.Agreement.Name],
            score.Measured().Select(figure => figure.Name));
        Assert.Equal(5.0 / 6, Of(score, Metric.Agreement), 12);
        Assert.Equal(Metric.SignalToNoise, TaskDefinition.Of(ModelTask.Anomaly).GateMetric(labelled: false));
    }

    [Fact]
    public void Curve_ends_where_all_are_found_and_keeps_both_ends_of_many_points()
    {
        var ranking = new Ranking(Scores, Labels.Select(label => label > 0));
        Assert.Equal([(1.0 / 3, 1.0), (1.0 / 3, 0.5), (2.0 / 3, 0.5), (2.0 / 3, 0.4), (1.0, 0.5)],
            ranking.Curve(10).Select(point => (point.Recall, point.Precision)));
        Assert.Equal([1.0 / 3, 1.0], ranking.Curve(2).Select(point => point.Recall));
        Assert.Empty(new Ranking([1f, 2], [false, false]).Curve(10));
    }

    [Fact]
    public void What_is_not_a_number_is_the_most_unlike()
        => Assert.Equal(1, new Ranking([1f, float.NaN], [false, true]).RocAuc());

    [Fact]
    public void Labels_that_are_neither_and_scores_that_are_several_are_refused()
    {
        var odd = KeyValuePair.Create("labels", NpyArray.Of([0L, 1, 2, 0, 0, 0], 6));
        Assert.Contains("holds 2; a sample is an anomaly (1) or normal (0)",
            Assert.Throws<FormatException>(() => Truth(odd)).Message, StringComparison.Ordinal);
        var score = TaskScore.For(Truth(Labelled), ["score"]);
        Assert.Contains("has 2 values for a sample; a score is one", Assert.Throws<FormatException>(
            () => score.Add((string _, out int columns) => Scores.AsSpan(0, columns = 2))).Message, StringComparison.Ordinal);
    }
}
