using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Samples with several labels: found out, shown, overridden, or refused with the sample that speaks against it.</summary>
public sealed class LabelSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSpec Csv(Func<int, string> row, string columns = "tags", ModelTask? task = null)
    {
        File.WriteAllText(_folder["a.csv"], $"x,{columns}\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"{i},{row(i)}\n")));
        return new DataSpec
        {
            Kind = "csv",
            Train = _folder["a.csv"],
            LabelColumn = columns.Contains(',') ? null : columns,
            LabelColumns = columns.Contains(',') ? columns.Split(',') : null,
            Task = task,
        };
    }

    private static DataSet Load(DataSpec spec) => DataSets.Load(spec, null, 1);

    private static string Refused(DataSpec spec) => Assert.Throws<BuildException>(() => Load(spec)).Message;

    // What each value of x has, whatever the cut did to the order.
    private static void AssertGiven(DataSet data, Func<int, bool[]> expected)
    {
        var sets = (LabelSets)data.Training.Labels;
        for (var sample = 0; sample < data.Training.Count; sample++)
        {
            var x = (int)data.Training.Inputs[sample * data.Training.SampleLength];
            Assert.Equal(expected(x), sets.Row(sample).ToArray().Select(value => value > 0));
        }
    }

    [Fact]
    public void Words_of_which_parts_stand_in_several_are_labels()
    {
        var data = Load(Csv(i => i % 3 == 0 ? "hot; loud" : i % 3 == 1 ? "hot" : "dusty|loud"));
        Assert.Equal((ModelTask.MultiLabel, 3), (data.Task, data.Columns));
        Assert.Equal(["dusty", "hot", "loud"], data.Classes);
        AssertGiven(data, i => i % 3 == 0 ? [false, true, true] : i % 3 == 1 ? [false, true, false] : [true, false, true]);
        Assert.Matches("^labels: 3 labels, 1.[67] a sample, rarest 1[3-6] samples", LabelSummary.Of(data));
        Assert.Equal(data.Training.Count, DataSummary.Classes(data)[1].Training + DataSummary.Classes(data)[0].Training);
    }

    [Fact]
    public void Words_are_classes_where_no_part_stands_in_several_or_the_spec_says_so()
    {
        Assert.Equal(["a;b", "c;d"], Load(Csv(i => i % 2 == 0 ? "a;b" : "c;d")).Classes);
        Assert.Equal(["a;b", "b"], Load(Csv(i => i % 2 == 0 ? "a;b" : "b", task: ModelTask.Classification)).Classes);
        Assert.Equal(["a", "b", "c", "d"], Load(Csv(i => i % 2 == 0 ? "a;b" : "c;d", task: ModelTask.MultiLabel)).Classes);
    }

    [Fact]
    public void Columns_of_marks_are_labels_and_those_with_one_mark_a_row_are_classes()
    {
        var data = Load(Csv(i => $"{i % 2},{i / 2 % 2},1", "a,b,c"));
        Assert.Equal((ModelTask.MultiLabel, 3), (data.Task, data.Classes.Count));
        AssertGiven(data, i => [i % 2 == 1, i / 2 % 2 == 1, true]);
        Assert.Equal(ModelTask.Classification, Load(Csv(i => $"{i % 2},{1 - i % 2}", "a,b")).Task);
        Assert.Equal(ModelTask.MultiLabel, Load(Csv(i => $"{i % 2},{1 - i % 2}", "a,b", ModelTask.MultiLabel)).Task);
    }

    [Fact]
    public void Matrix_of_marks_in_an_npz_file_is_labels()
    {
        using (var file = File.Create(_folder["a.npz"]))
            NpzArchive.Write(file, [
                new("x", NpyArray.Of([.. Enumerable.Range(0, 60).Select(i => (float)i)], 60, 1)),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 120).Select(i => i % 3 == 0 ? 1f : i % 2)], 60, 2)),
            ]);
        var data = Load(new DataSpec { Train = _folder["a.npz"], Classes = ["left", "right"] });
        Assert.Equal((ModelTask.MultiLabel, "left"), (data.Task, data.Classes[0]));
        AssertGiven(data, i => [i * 2 % 3 == 0, true]);
    }

    [Fact]
    public void Sample_without_any_label_is_an_empty_field()
    {
        var data = Load(Csv(i => i % 3 == 0 ? "" : i % 3 == 1 ? "a" : "a;b", task: ModelTask.MultiLabel));
        AssertGiven(data, i => [i % 3 != 0, i % 3 == 2]);
        Assert.Contains("give it one, or remove the line", Refused(Csv(i => i == 3 ? "" : "a;b")), StringComparison.Ordinal);
        Assert.Contains("every field is empty", Refused(Csv(_ => "", task: ModelTask.MultiLabel)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_label_is_refused_with_its_sample()
    {
        Assert.Contains("label 'c' at line 9, which",
            Refused(Csv(i => i == 7 ? "c" : i % 2 == 0 ? "a;b" : "a") with { Classes = ["a", "b"] }), StringComparison.Ordinal);
        Assert.Contains("2 for 'a' at line 7, and", Refused(Csv(i => i == 5 ? "2,1" : "1,0", "a,b", ModelTask.MultiLabel)),
            StringComparison.Ordinal);
        Assert.Contains("an empty field for 'b' at line 7, and", Refused(Csv(i => i == 5 ? "0," : "1,0", "a,b", ModelTask.MultiLabel)),
            StringComparison.Ordinal);
        Assert.Contains("2, 1 at line 7", Refused(Csv(i => i == 5 ? "2,1" : "1,1", "a,b")), StringComparison.Ordinal);
        Assert.Contains("has one label (a)", Refused(Csv(_ => "a", task: ModelTask.MultiLabel)), StringComparison.Ordinal);
    }

    [Fact]
    public void Label_that_no_training_sample_has_is_refused_by_its_name()
        => Assert.Contains("no training sample of label 'c'",
            Refused(Csv(i => i % 2 == 0 ? "a;b" : "a") with { Classes = ["a", "b", "c"] }), StringComparison.Ordinal);

    [Fact]
    public void A_part_that_stands_twice_in_one_field_stands_in_no_other()
        => Assert.Equal(ModelTask.Classification, Load(Csv(i => i % 2 == 0 ? "R|R" : "S")).Task);

    [Fact]
    public void More_labels_than_a_network_has_outputs_for_are_refused_with_their_number()
    {
        static string Own(int row)
            => string.Join(';', Enumerable.Range(0, 1_000).Where(label => label % 60 == row).Select(label => $"l{label}"));
        Assert.Contains("has 1001 labels, such as l, l0, l1, and at most 1000 are learned", Refused(Csv(i => $"l;{Own(i)}")),
            StringComparison.Ordinal);
    }

    /// <summary>Labels of three samples each are groups of three, of which a tenth is none.</summary>
    [Fact]
    public void Shares_hold_where_every_label_is_rare()
    {
        var data = Load(Csv(i => $"all;l{i / 3}") with { TestShare = 0.1, ValidationShare = 0.2 });
        Assert.Equal((43, 11, 6), (data.Training.Count, data.Validation.Count, data.Test.Count));
    }

    [Fact]
    public void Rare_labels_are_cut_in_proportion()
    {
        var data = Load(Csv(i => i % 10 == 0 ? "a;rare" : i % 2 == 0 ? "a" : "b") with { TestShare = 0.5, ValidationShare = 0 });
        Assert.Equal([3, 3], new[] { data.Training, data.Test }.Select(part => ((LabelSets)part.Labels).Counts()[2]));
    }

    [Fact]
    public void Average_precision_is_the_area_below_precision_over_recall()
    {
        // scikit-learn's own example gives 0.8333; equal logits are passed together.
        var samples = new SampleSet(new float[4], [1], new LabelSets([0, 0, 0, 0, 1, 1, 1, 1], 2));
        var figures = LabelTable.Of(samples, [0.1f, 1, 0.4f, 1, 0.35f, 1, 0.8f, 1]);
        Assert.Equal((0.5 + 0.5 * 2 / 3), figures[0].AveragePrecision!.Value, 9);
        Assert.Equal(0.5, figures[1].AveragePrecision!.Value, 9);
        Assert.Equal((2, 1.0, 0.5), (figures[0].Samples, figures[0].Recall, figures[0].Precision));
    }
}
