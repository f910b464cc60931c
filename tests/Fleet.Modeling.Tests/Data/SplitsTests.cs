using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class SplitsTests
{
    private static SampleSet Numbered(params int[] countByClass)
    {
        long[] labels = [.. countByClass.SelectMany((count, label) => Enumerable.Repeat((long)label, count))];
        return new SampleSet([.. Enumerable.Range(0, labels.Length).Select(i => (float)i)], [1, 1], labels);
    }

    [Fact]
    public void Cut_keeps_the_proportion_of_every_class_and_loses_no_sample()
    {
        var (kept, part) = Splits.Cut(Numbered(100, 50, 10), 0.2, new Random(1));
        Assert.Equal([20, 10, 2], part.ClassNumbers.CountBy(label => label).OrderBy(count => count.Key).Select(count => count.Value));
        Assert.Equal(Enumerable.Range(0, 160).Select(i => (float)i), kept.Inputs.Concat(part.Inputs).Order());
    }

    [Fact]
    public void Cut_mixes_the_classes_so_that_the_first_samples_are_of_all()
    {
        var (kept, _) = Splits.Cut(Numbered(100, 100, 100), 0.2, new Random(1));
        Assert.Equal(3, kept.Take(20).ClassNumbers.Distinct().Count());
    }

    [Fact]
    public void Same_seed_cuts_alike_and_another_does_not()
    {
        float[] Part(int seed) => Splits.Cut(Numbered(100, 100), 0.2, new Random(seed)).Part.Inputs;
        Assert.Equal(Part(7), Part(7));
        Assert.NotEqual(Part(7), Part(8));
    }

    [Fact]
    public void Validation_set_holds_every_class_under_the_names_a_device_reads()
    {
        using var folder = new TemporaryFolder();
        ValidationSet.Write(folder["v.npz"], "input", Splits.Subset(Numbered(100, 100, 100), 30, new Random(1)));
        using var file = File.OpenRead(folder["v.npz"]);
        var arrays = NpzArchive.Read(file, 1 << 20);
        Assert.Equal([30, 1, 1], arrays["input"].Shape);
        Assert.Equal([10, 10, 10], arrays["labels"].ToInt64s().CountBy(label => label).Select(count => count.Value));
    }

    [Fact]
    public void Generated_data_and_its_digest_are_a_function_of_the_seed()
    {
        string Digest(int seed) => DataSets.Load(new DataSpec { Kind = "vibration", Samples = 120 }, 2, seed).Sha256();
        Assert.Equal(Digest(1), Digest(1));
        Assert.NotEqual(Digest(1), Digest(2));
    }

    [Fact]
    public void Samples_of_one_group_are_never_on_both_sides_of_a_cut()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["a.csv"], "value,label,machine\n"
            + string.Concat(Enumerable.Range(0, 200).Select(i => $"{i},{i % 2},m{i / 20}\n")));
        var spec = new DataSpec { Kind = "csv", Train = folder["a.csv"], LabelColumn = "label", GroupColumn = "machine" };
        AssertApart(DataSets.Load(spec, null, 1));
        using (var file = File.Create(folder["a.npz"]))
            NpzArchive.Write(file, [
                new("x", NpyArray.Of([.. Enumerable.Range(0, 200).Select(i => (float)i)], 200, 1)),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 200).Select(i => i % 2L)], 200)),
                new("groups", NpyArray.Of([.. Enumerable.Range(0, 200).Select(i => i / 20 + 7L)], 200)),
            ]);
        AssertApart(DataSets.Load(new DataSpec { Kind = "npz", Train = folder["a.npz"] }, null, 1));

        static void AssertApart(DataSet data)
        {
            int[][] parts = [
                .. new[] { data.Training, data.Validation, data.Test }
                    .Select(part => part.Inputs.Select(value => (int)value / 20).Distinct().ToArray()),
            ];
            Assert.Equal(Enumerable.Range(0, 10), parts.SelectMany(groups => groups).Order());
            Assert.All(parts, groups => Assert.NotEmpty(groups));
        }
    }

    [Fact]
    public void Cut_in_time_tests_on_the_last_samples_and_validates_on_those_before_them()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["a.csv"], "value,label\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},{i % 2}\n")));
        var data = DataSets.Load(
            new DataSpec { Kind = "csv", Train = folder["a.csv"], LabelColumn = "label", Split = "time", ValidationShare = 0.25 }, null, 1);
        Assert.Equal(Enumerable.Range(80, 20).Select(i => (float)i), data.Test.Inputs);
        Assert.Equal(Enumerable.Range(60, 20).Select(i => (float)i), data.Validation.Inputs);
        Assert.Equal(Enumerable.Range(0, 60).Select(i => (float)i), data.Training.Inputs.Order());
        Assert.NotEqual(data.Training.Inputs.Order(), data.Training.Inputs);
    }
}
