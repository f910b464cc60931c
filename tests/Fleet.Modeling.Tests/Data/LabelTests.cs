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
        => AssertSays(Refused(Npz(Floats(i => i))), "label 0 at sample 0", "data.task", "'regression'", "'classification'");

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
    public void Classes_that_begin_at_one_are_refused_with_the_empty_one()
        => AssertSays(Refused(Npz(Numbers(i => 1 + i % 2))), "labels up to 2", "none that is 0");

    [Fact]
    public void One_class_alone_is_refused()
        => AssertSays(Refused(Npz(Numbers(_ => 0))), "one class (0)");

    [Fact]
    public void Fractions_in_csv_are_not_taken_for_names()
        => AssertSays(Refused(Csv("a,label\n1,0.5\n2,0.25\n")), "label 0.5 at sample 0", "data.task");

    [Fact]
    public void Row_without_a_label_is_refused_with_its_line()
        => AssertSays(Refused(Csv("a,label\n1,0\n2,\n")), "line 3 has no label in column 'label'");

    [Fact]
    public void Name_among_numbers_to_predict_is_refused()
        => AssertSays(Refused(Csv("a,label\n1,0.5\n2,worn\n", ModelTask.Regression)), "'0.5', which is not a number");

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
