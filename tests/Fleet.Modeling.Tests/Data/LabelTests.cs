using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Labels become what the task takes, or are refused with the sample that speaks against it; nothing is guessed.</summary>
public sealed class LabelTests : IDisposable
{
    private const int Samples = 126;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSpec Npz(NpyArray labels, ModelTask? task = null)
    {
        using (var file = File.Create(_folder["a.npz"]))
            NpzArchive.Write(file, [new("x", NpyArray.Of(new float[Samples * 4], Samples, 4)), new("labels", labels)]);
        return new DataSpec { Kind = "npz", Train = _folder["a.npz"], Task = task };
    }

    private DataSpec Csv(string text, ModelTask? task = null)
    {
        File.WriteAllText(_folder["a.csv"], text);
        return new DataSpec { Kind = "csv", Train = _folder["a.csv"], LabelColumn = "label", Task = task };
    }

    private static NpyArray Floats(Func<int, float> label) => NpyArray.Of([.. Enumerable.Range(0, Samples).Select(label)], Samples);

    private static NpyArray Numbers(Func<int, long> label) => NpyArray.Of([.. Enumerable.Range(0, Samples).Select(label)], Samples);

    private static string Refused(DataSpec spec) => Assert.Throws<BuildException>(() => DataSets.Load(spec, 2, 1)).Message;

    private static void AssertSays(string message, params string[] parts)
        => Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));

    [Fact]
    public void Hundred_and_twenty_six_floats_are_not_taken_for_as_many_classes()
        => AssertSays(Refused(Npz(Floats(i => i))),
            "126 different labels from 0 to 125", "floating-point", "126 samples", "the rarest, 0, on 1",
            "data.task to 'regression'", "'classification'");

    [Fact]
    public void Whole_numbers_with_few_samples_each_are_asked_about_and_taken_as_what_is_said()
    {
        AssertSays(Refused(Npz(Numbers(i => i / 2))), "63 different labels from 0 to 62 on 126 samples", "data.task");
        Assert.Equal(63, DataSets.Load(Npz(Numbers(i => i / 2), ModelTask.Classification) with { TestShare = 0.5 }, 2, 1).Classes.Count);
        Assert.Empty(DataSets.Load(Npz(Numbers(i => i / 2), ModelTask.Regression), 2, 1).Classes);
    }

    [Fact]
    public void Few_whole_floats_are_classes()
        => Assert.Equal(["0", "1", "2"], DataSets.Load(Npz(Floats(i => i % 3)), 2, 1).Classes);

    [Fact]
    public void Label_that_is_not_a_number_is_refused_with_its_sample_before_anything_is_asked()
        => AssertSays(Refused(Npz(Floats(i => i == 9 ? float.NaN : i % 2))), "a.npz has the label NaN at sample 9");

    [Fact]
    public void Fractions_are_asked_about_with_the_first_of_them()
        => AssertSays(Refused(Npz(Floats(i => i < 5 ? 1 : 0.25f))), "label 0.25 at sample 5", "data.task");

    [Fact]
    public void Fraction_among_classes_is_refused_with_its_sample()
        => AssertSays(Refused(Npz(Floats(i => i == 7 ? 0.5f : i % 2), ModelTask.Classification)),
            "label 0.5 at sample 7", "not a class number");

    [Fact]
    public void Whole_floats_are_classes_when_the_spec_says_so()
        => Assert.Equal(["0", "1"], DataSets.Load(Npz(Floats(i => i % 2), ModelTask.Classification), 2, 1).Classes);

    [Theory]
    [InlineData(ModelTask.Classification)]
    [InlineData(ModelTask.Regression)]
    public void Label_that_is_not_a_number_is_refused_with_its_sample(ModelTask task)
        => AssertSays(Refused(Npz(Floats(i => i == 9 ? float.NaN : i % 2), task)), "label NaN at sample 9");

    [Fact]
    public void Classes_that_begin_at_one_or_leave_numbers_out_are_called_by_their_numbers()
    {
        Assert.Equal(["1", "2"], DataSets.Load(Npz(Numbers(i => 1 + i % 2)), 2, 1).Classes);
        var data = DataSets.Load(Npz(Numbers(i => i % 2 == 0 ? -1 : 5)), 2, 1);
        Assert.Equal(["-1", "5"], data.Classes);
        Assert.Equal([0, 1], data.Test.ClassNumbers.Distinct().Order());
    }

    [Fact]
    public void Names_of_classes_that_are_numbers_name_the_labels_and_others_are_counted_from_where_labels_begin()
    {
        long[] First(NpyArray labels, params string[] classes)
        {
            var data = DataSets.Load(Npz(labels) with { Classes = classes, ValidationShare = 0, TestShare = 0.5 }, 2, 1);
            return [.. data.Training.ClassNumbers.CountBy(number => number).OrderBy(count => count.Key).Select(count => (long)count.Value)];
        }
        var labels = Numbers(i => i < 84 ? 1 : 2);
        Assert.Equal([42, 21], First(labels, "1", "2"));
        Assert.Equal([21, 42], First(labels, "2", "1"));
        Assert.Equal([42, 21], First(labels, "still", "moving"));
        AssertSays(Refused(Npz(labels) with { Classes = ["1", "3"] }), "label 2 at sample 84", "labels are 1, 3 for 2 classes");
    }

    [Fact]
    public void Class_that_never_occurs_is_refused_by_its_name()
        => AssertSays(Refused(Npz(Numbers(i => i % 2)) with { Classes = ["slow", "fast", "broken"] }),
            "no training sample of class 'broken'", "data.classes");

    [Fact]
    public void Class_whose_only_sample_is_held_out_is_refused_with_where_it_went()
        => AssertSays(Refused(Npz(Numbers(i => i == 3 ? 2 : i % 2)) with { TestShare = 0.5 }),
            "no training sample of class '2'", "1 of it are held out", "lower data.validationShare 0.1 or data.testShare 0.5.");

    [Fact]
    public void Share_that_folds_take_the_place_of_is_no_remedy()
        => AssertSays(Refused(Npz(Numbers(i => i == 3 ? 2 : i % 2)) with { TestShare = 0.5, Folds = 4 }),
            "no training sample of class '2'", "Give more samples of it, or lower data.testShare 0.5.");

    [Fact]
    public void One_hot_rows_are_classes()
    {
        float[] rows = [.. Enumerable.Range(0, Samples).SelectMany(i => i % 3 == 2 ? [0f, 1] : (float[])[1, 0])];
        var data = DataSets.Load(Npz(NpyArray.Of(rows, Samples, 2)) with { TestShare = 0.5 }, 2, 1);
        Assert.Equal(["0", "1"], data.Classes);
        Assert.Equal((42, 21), (data.Test.ClassNumbers.Count(number => number == 0), data.Test.ClassNumbers.Count(number => number == 1)));
        AssertSays(Refused(Npz(NpyArray.Of([.. rows[..10], 1, 1, .. rows[12..]], Samples, 2))),
            "2 labels for each sample, 1, 1 at sample 5", "all but 1 of 126", "'multiLabel'");
        Assert.Equal(["left", "right"],
            DataSets.Load(
                Csv("a,left,right\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i},{i % 2},{1 - i % 2}\n"))) with
                {
                    LabelColumn = null,
                    LabelColumns = ["left", "right"],
                },
                null, 1).Classes);
    }

    [Fact]
    public void What_labels_were_taken_for_is_said_in_a_line()
    {
        Assert.Equal("labels: 2 classes, smallest 9 samples ('1')",
            LabelSummary.Of(DataSets.Load(Npz(Numbers(i => i < 12 ? 1 : 0)), 2, 1)));
        Assert.StartsWith("labels: numbers from 0.5 to", LabelSummary.Of(
            DataSets.Load(Npz(Floats(i => i + 0.5f), ModelTask.Regression) with { TestShare = 0.01 }, 2, 1)));
    }

    [Fact]
    public void One_class_alone_is_refused()
        => AssertSays(Refused(Npz(Numbers(_ => 0))), "one class (0)");

    [Theory]
    [InlineData(0, "No samples were held out", "data.validationShare 0 of 101", "last step", "data.folds 5")]
    [InlineData(0.05, "chosen by 6 validation samples, with less than 2 of '1'", "20, and 2 of each class, would do",
        "(data.validationShare 0.2)", "data.folds 5")]
    public void Too_few_samples_to_choose_by_are_said_with_how_many_would_do(double share, params string[] said)
    {
        var spec = Npz(Numbers(i => i < 12 ? 1 : 0)) with { ValidationShare = share };
        AssertSays(Assert.Single(SplitFindings.Of(DataSets.Load(spec, 2, 1), spec, 1)), said);
    }

    [Fact]
    public void A_class_that_some_fold_holds_whole_is_said()
    {
        var spec = Npz(Numbers(i => i == 0 ? 1 : 0)) with { ValidationShare = 0.1, Folds = 4 };
        AssertSays(Assert.Single(SplitFindings.Of(DataSets.Load(spec, 2, 1), spec, 1)), ["all training samples of '1'", "data.folds"]);
        var enough = Npz(Numbers(i => i % 2)) with { Folds = 4 };
        Assert.Empty(SplitFindings.Of(DataSets.Load(enough, 2, 1), enough, 1));
    }

    [Fact]
    public void Enough_samples_to_choose_by_are_no_finding()
    {
        var spec = Npz(Numbers(i => i % 2)) with { ValidationShare = 0.3 };
        Assert.Empty(SplitFindings.Of(DataSets.Load(spec, 2, 1), spec, 1));
    }

    [Fact]
    public void Fractions_in_csv_are_not_taken_for_names()
        => AssertSays(Refused(Csv("a,label\n1,0.5\n2,0.25\n")), "label 0.5 at line 2, ", "data.task");

    [Fact]
    public void Row_without_a_label_is_refused_with_its_line()
        => AssertSays(Refused(Csv("a,label\n1,0\n2,\n")), "line 3 has no label in column 'label'");

    [Fact]
    public void Empty_label_beside_several_is_asked_about()
        => AssertSays(Refused(Csv("a,label\n1,hot;loud\n2,\n")),
            "line 3 has no label in column 'label'; give it one, or remove the line; where samples have several labels or none, data.task: "
                + "multiLabel says so");

    [Fact]
    public void Name_among_numbers_to_predict_is_refused()
        => AssertSays(Refused(Csv("a,label\n1,0.5\n2,worn\n", ModelTask.Regression)), "'worn', which is not a number");

    [Fact]
    public void Numbers_to_predict_keep_their_unit_and_their_sample_through_every_cut()
    {
        var inputs = NpyArray.Of([.. Enumerable.Range(0, Samples * 4).Select(i => (float)i)], Samples, 4);
        using (var file = File.Create(_folder["b.npz"])) NpzArchive.Write(file, [new("x", inputs), new("labels", Floats(i => i / 2f))]);
        var data = DataSets.Load(
            new DataSpec { Kind = "npz", Train = _folder["b.npz"], Task = ModelTask.Regression, LabelUnit = "cycles" }, 2, 1);
        Assert.Empty(data.Classes);
        Assert.Equal(1, data.Columns);
        foreach (var part in new[] { data.Training, data.Validation, data.Test })
        {
            var labels = Assert.IsType<ValueLabels>(part.Labels);
            Assert.Equal("cycles", labels.Unit);
            for (var i = 0; i < part.Count; i++) Assert.Equal(part.Sample(i)[0] / 8, labels.Values[i]);
        }
    }

    [Fact]
    public void Several_columns_are_predicted_together()
    {
        var rows = string.Concat(Enumerable.Range(0, 40)
            .Select(i => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{i},{2 * i},{i + 0.5}\n")));
        File.WriteAllText(_folder["c.csv"], "a,left,right\n" + rows);
        var data = DataSets.Load(
            new DataSpec { Kind = "csv", Train = _folder["c.csv"], LabelColumns = ["left", "right"], Task = ModelTask.Regression }, null,
            1);
        Assert.Equal(2, data.Columns);
        var labels = (ValueLabels)data.Test.Labels;
        for (var i = 0; i < data.Test.Count; i++)
            Assert.Equal([2 * data.Test.Sample(i)[0], data.Test.Sample(i)[0] + 0.5f], labels.Values[(2 * i)..(2 * i + 2)]);
    }

    [Fact]
    public void Validation_set_holds_the_labels_of_its_task()
    {
        var test = new SampleSet(new float[12], [2, 2], new ValueLabels([0.5f, 1.5f, 2.5f], 1));
        ValidationSet.Write(_folder["v.npz"], "input", test);
        using var file = File.OpenRead(_folder["v.npz"]);
        var labels = NpzArchive.Read(file, 1 << 20)["labels"];
        Assert.Equal(("f4", 3), (labels.Type, labels.Shape[0]));
        Assert.Equal([0.5f, 1.5f, 2.5f], labels.ToSingles());
    }
}
