using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Tables over time as windows: which rows a window holds, what it is labelled with, and which units are cut off.</summary>
public sealed class SeriesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly SeriesSpec Remaining = new() { Unit = "1", Without = ["2"], Window = 3, MaximumRemaining = 4 };

    private string Table(string name, params string[] lines)
    {
        File.WriteAllLines(_folder[name], lines);
        return _folder[name];
    }

    // Unit, time, a channel that says both, one that never changes.
    private string Units(string name, params int[] lengths)
        => Table(name, [
            .. lengths.SelectMany((length, unit) => Enumerable.Range(1, length)
                .Select(time => $"{unit + 1}  {time} {100 * (unit + 1) + time} 5 ")),
        ]);

    private static string Refused(Action read) => Assert.Throws<BuildException>(read).Message;

    [Fact]
    public void Windows_end_at_every_row_that_has_enough_before_it_and_say_what_remains()
    {
        var (samples, channels) = SeriesFiles.ReadTraining(Units("train.txt", 7), Remaining, null);
        Assert.Equal(["3"], channels);
        Assert.Equal([1, 3], samples.SampleShape);
        Assert.Equal([105, 106, 107, 104, 105, 106, 103, 104, 105, 102, 103, 104, 101, 102, 103], samples.Inputs);
        // Five windows end 0 to 4 rows before the unit does; four is the most that is said.
        Assert.Equal([0, 1, 2, 3, 4], samples.Labels.Values);
        Assert.Equal([0, 1, 2, 3, 3],
            SeriesFiles.ReadTraining(_folder["train.txt"], Remaining with { MaximumRemaining = 3 }, null).Samples.Labels.Values);
        Assert.Equal([0, 2, 4], SeriesFiles.ReadTraining(_folder["train.txt"], Remaining with { Step = 2 }, null).Samples.Labels.Values);
    }

    [Fact]
    public void Unit_shorter_than_a_window_repeats_its_first_row()
    {
        var (samples, _) = SeriesFiles.ReadTraining(Units("train.txt", 2, 3), Remaining, null);
        Assert.Equal([101, 101, 102], samples.Inputs[..3]);
        Assert.Equal([0, 0], samples.Labels.Values);
    }

    [Fact]
    public void Windows_of_a_unit_that_has_hardly_begun_repeat_its_first_row_where_that_is_asked()
    {
        var (samples, _) = SeriesFiles.ReadTraining(Units("train.txt", 4), Remaining with { MinimumRows = 2 }, null);
        Assert.Equal([102, 103, 104, 101, 102, 103, 101, 101, 102], samples.Inputs);
        Assert.Equal([0, 1, 2], samples.Labels.Values);
    }

    [Fact]
    public void Held_out_units_are_judged_at_their_last_row_by_the_file_of_labels()
    {
        var samples = SeriesFiles.ReadHeldOut(Units("test.txt", 4, 5), Table("rul.txt", "112 ", "98"), Remaining, null, ["3"]);
        Assert.Equal([102, 103, 104, 203, 204, 205], samples.Inputs);
        Assert.Equal([112, 98], samples.Labels.Values);
        Assert.Contains("each of the 2 units",
            Refused(() => SeriesFiles.ReadHeldOut(_folder["test.txt"], Table("rul.txt", "112"), Remaining, null, ["3"])),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Test_labels_keep_the_limit_of_training_where_that_is_asked()
    {
        var test = Units("test.txt", 5, 6);
        var labels = Table("rul.txt", "2", "112");
        Assert.Equal([2, 112], SeriesFiles.ReadHeldOut(test, labels, Remaining, null, ["3"]).Labels.Values);
        Assert.Equal([2, 4], SeriesFiles.ReadHeldOut(test, labels, Remaining with { LimitTest = true }, null, ["3"]).Labels.Values);
    }

    [Fact]
    public void No_unit_is_in_two_parts()
    {
        var spec = new DataSpec
        {
            Kind = "series",
            Task = ModelTask.Regression,
            Train = Units("train.txt", [.. Enumerable.Repeat(9, 20)]),
            Series = Remaining,
            ValidationShare = 0.2,
        };
        var data = DataSets.Load(spec, 2, 1);
        int[][] parts = [.. new[] { data.Training, data.Validation, data.Test }.Select(part => part.Origins!.Distinct().ToArray())];
        Assert.Equal([13, 3, 4], parts.Select(part => part.Length));
        Assert.Equal(20, parts.SelectMany(part => part).Distinct().Count());
        Assert.All(Enumerable.Range(0, data.Training.Count),
            i => Assert.Equal(data.Training.Origins![i] + 1, (int)data.Training.Sample(i)[0] / 100));
    }

    [Fact]
    public void Header_names_the_columns_and_a_column_labels_the_last_row()
    {
        var path = Table("train.csv", "machine,time,heat,load,wear", "7,1,20,0.1,0.5", "7,2,21,0.2,0.6", "8,1,22,0.3,0.7");
        var (samples, channels) = SeriesFiles.ReadTraining(
            path, new SeriesSpec { Unit = "machine", Without = ["time"], Window = 2 }, "wear");
        Assert.Equal(["heat", "load"], channels);
        Assert.Equal([20, 21, 0.1f, 0.2f, 22, 22, 0.3f, 0.3f], samples.Inputs);
        Assert.Equal([0.6, 0.7], samples.Labels.Values.Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public void Stream_is_cut_into_pieces_that_no_window_leaves_and_labelled_by_most_of_its_rows()
    {
        // Walks for 33 rows, then sits; the time is words and left out.
        var path = Table("stream.csv", [
            "time,x,activity", .. Enumerable.Range(0, 66).Select(row => $"0:{row:00},{row},{(row < 33 ? "walk" : "sit")}"),
        ]);
        var spec = new SeriesSpec { Window = 4, Step = 2, Without = ["time"], Label = WindowLabel.Majority };
        var (samples, channels) = SeriesFiles.ReadTraining(path, spec, "activity");
        Assert.Equal(["x"], channels);
        Assert.Equal(["sit", "walk"], samples.Labels.Names!);
        for (var i = 0; i < samples.Labels.Count; i++)
        {
            var first = samples.Inputs[4 * i];
            // Rows 31 and 32 walk, 33 and 34 sit: the later one counts.
            Assert.Equal(first + 2 >= 33 ? 0 : 1, samples.Labels.Values[i]);
            Assert.Equal(Math.Min(2, (int)first / 20), Math.Min(2, (int)samples.Inputs[4 * i + 3] / 20));
            Assert.Equal(Math.Min(2, (int)first / 20), samples.Origins![i]);
        }
    }

    [Fact]
    public void Word_that_labels_no_window_is_no_class()
    {
        string LabelOf(int row) => row == 0 ? "fall" : $"a{row / 20}";
        var path = Table("stream.csv", ["x,activity", .. Enumerable.Range(0, 40).Select(row => $"{row},{LabelOf(row)}")]);
        var (samples, _) = SeriesFiles.ReadTraining(path, new SeriesSpec { Window = 4, Label = WindowLabel.Majority }, "activity");
        Assert.Equal(["a0", "a1"], samples.Labels.Names!);
    }

    [Fact]
    public void Each_file_of_several_is_a_unit_of_its_own()
    {
        for (var file = 0; file < 3; file++)
        {
            var state = file == 1 ? "bad" : "good";
            Table($"run{file}.csv", ["x,state", .. Enumerable.Range(0, 6).Select(row => $"{100 * file + row},{state}")]);
        }
        var (samples, _) = SeriesFiles.ReadTraining(_folder["run*.csv"], new SeriesSpec { Window = 3 }, "state");
        Assert.Equal(12, samples.Labels.Count);
        Assert.Equal([0, 1, 2], samples.Origins!.Distinct());
        Assert.Equal(4, samples.Labels.Values.Count(label => samples.Labels.Names![(int)label] == "bad"));
        Table("run3.csv", "x,state", "1,good", "low,good");
        Assert.Contains("run3.csv, line 3, column 'x' holds 'low', which is not a number; leave the column out",
            Refused(() => SeriesFiles.ReadTraining(_folder["run*.csv"], new SeriesSpec { Window = 3 }, "state")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1 1 2\n1 2\n", "line 2 has 2 fields where the first line has 3")]
    [InlineData("1 1 2\n1 2 x\n", "line 2, column '3' holds 'x'")]
    [InlineData("1 1 2\n2 1 2\n1 2 3\n", "unit 1 do not stand together")]
    [InlineData("1 1 2\n1 2 2\n", "none of its columns changes")]
    [InlineData("", "it is empty")]
    [InlineData("a,b,c\n", "no rows")]
    public void Table_that_is_broken_is_refused_with_its_line(string text, string expected)
    {
        File.WriteAllText(_folder["a.txt"], text);
        var message = Refused(() => SeriesFiles.ReadTraining(_folder["a.txt"], Remaining, null));
        Assert.Contains("a.txt", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public void Turbofan_engines_are_read_as_windows_of_their_informative_sensors()
    {
        var spec = new SeriesSpec { Unit = "1", Without = ["2", "3", "4", "5"], Window = 30, MaximumRemaining = 125 };
        var (training, channels) = SeriesFiles.ReadTraining(SharedData.PathOf("cmapss", "train_FD001.txt"), spec, null);
        // A window at every cycle from the thirtieth of each of the hundred engines.
        Assert.Equal(20_631 - 100 * 29, training.Labels.Count);
        Assert.Equal(15, channels.Count);
        var test = SeriesFiles.ReadHeldOut(
            SharedData.PathOf("cmapss", "test_FD001.txt"), SharedData.PathOf("cmapss", "RUL_FD001.txt"), spec, null, channels);
        Assert.Equal((100, 112.0), (test.Labels.Count, test.Labels.Values[0]));
    }
}
