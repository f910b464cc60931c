using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Tests.Scoring;

/// <summary>Several labels a sample. Figures are those of scikit-learn's definitions, counted by hand.</summary>
public sealed class LabelSetScoreTests
{
    // Three samples of three labels: right 3, given 4, there 5. By label: 2 of 2 and 2; 1 of 2 and 2; 0 of 0 and 1.
    private static readonly float[] There = [1, 0, 1, 1, 1, 0, 0, 1, 0];
    private static readonly float[] Given = [2, 1, -3, 0.5f, 4, -1, -2, -0.1f, 0];

    private static SampleTruth Truth(params KeyValuePair<string, NpyArray>[] more) => SampleTruth.Read(ModelTask.MultiLabel,
        new Dictionary<string, NpyArray>([new("labels", NpyArray.Of([.. There.Select(one => (long)one)], 3, 3)), .. more]), 3);

    private static TaskScore Scored(SampleTruth truth)
    {
        var score = TaskScore.For(truth, ["logits"]);
        for (var sample = 0; sample < 3; sample++)
        {
            var first = sample * 3;
            score.Add((string _, out int columns) =>
            {
                columns = 3;
                return Given.AsSpan(first, 3);
            });
        }
        return score;
    }

    [Fact]
    public void Micro_counts_all_labels_together_and_macro_each_alike()
    {
        Assert.Equal(6.0 / 9, LabelSetScore.MicroF1(Given, There, 3), 12);
        Assert.Equal((1 + 0.5 + 0) / 3, LabelSetScore.MacroF1(Given, There, 3), 12);
        var counts = LabelSetScore.Count(Given, There, 3);
        Assert.Equal((1.0, 1.0), (counts[0].Precision, counts[0].Recall));
        Assert.Equal((0.5, 0.5), (counts[1].Precision, counts[1].Recall));
        Assert.Equal((null, 0.0), (counts[2].Precision, counts[2].Recall));
    }

    [Fact]
    public void Label_that_nobody_gives_and_nobody_has_is_no_part_of_the_mean()
        => Assert.Equal(1, LabelSetScore.MacroF1([1, -1, 1, -1], [1, 0, 1, 0], 2));

    [Fact]
    public void What_is_not_a_number_gives_no_label() => Assert.Equal(0, LabelSetScore.MicroF1([float.NaN, 0], [1, 0], 2));

    [Fact]
    public void Server_and_device_measure_a_model_by_micro_f1_first()
    {
        var measured = Scored(Truth()).Measured();
        Assert.Equal([Metric.MicroF1.Name, Metric.MacroF1.Name], measured.Select(figure => figure.Name));
        Assert.Equal(6.0 / 9, measured[0].Value, 12);
        Assert.Equal(Metric.MicroF1, TaskDefinition.Of(ModelTask.MultiLabel).GateMetric(labelled: true));
    }

    [Fact]
    public void Samples_that_are_drawn_twice_count_twice()
    {
        // Of the first twice and the last: right 2, given 4, there 5.
        var drawn = Scored(Truth()).Measured(new SampleWeights([2, 0, 1]));
        Assert.Equal(4.0 / 9, drawn[0].Value, 12);
    }

    [Fact]
    public void Labels_that_are_given_as_by_the_float_model_agree()
    {
        var reference = NpyArray.Of([2, -1, -3, 0.5f, 4, -1, -2, 0.2f, 0], 3, 3);
        var agreement = Scored(Truth(new KeyValuePair<string, NpyArray>("reference.logits", reference))).Measured()
            .Single(figure => figure.Name == Metric.Agreement.Name);
        Assert.Equal(7.0 / 9, agreement.Value, 12);
    }

    [Fact]
    public void Labels_that_are_neither_there_nor_not_are_refused()
    {
        var refused = Assert.Throws<FormatException>(() => SampleTruth.Read(ModelTask.MultiLabel,
            new Dictionary<string, NpyArray> { ["labels"] = NpyArray.Of([1L, 0, 2, 1], 2, 2) }, 2));
        Assert.Contains("holds 2; a label is there (1) or not (0)", refused.Message, StringComparison.Ordinal);
    }
}
