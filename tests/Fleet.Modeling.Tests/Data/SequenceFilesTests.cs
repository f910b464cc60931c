using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class SequenceFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSet Load(string text, string? test = null)
    {
        File.WriteAllText(_folder["train.txt"], text);
        if (test is not null) File.WriteAllText(_folder["test.txt"], test);
        return DataSets.Load(new DataSpec { Train = _folder["train.txt"], Test = test is null ? null : _folder["test.txt"] }, 2, 1);
    }

    private string Refused(string text) => Assert.Throws<BuildException>(() => Load(text)).Message;

    [Theory]
    [InlineData("\t")]
    [InlineData("  ")]
    [InlineData(",")]
    public void Series_behind_their_labels_are_read_whatever_stands_between(string between)
    {
        string Row(string label, params string[] values) => string.Join(between, [label, .. values]) + "\n";
        var data = Load(string.Concat(Enumerable.Repeat(Row("1.0000e+00", "0.5", "1", "2") + Row("2.0000e+00", "3", "4", "5"), 10)));
        Assert.Equal(["1", "2"], data.Classes);
        Assert.Equal([1, 3], data.Training.SampleShape);
        for (var i = 0; i < data.Test.Count; i++) Assert.Equal(data.Test.ClassNumbers[i] == 0 ? 0.5f : 3, data.Test.Sample(i)[0]);
    }

    [Fact]
    public void Several_files_are_one_set_of_series()
    {
        File.WriteAllText(_folder["s1.txt"], string.Concat(Enumerable.Repeat("2 1.5 2.5\n", 10)));
        File.WriteAllText(_folder["s2.txt"], string.Concat(Enumerable.Repeat("1 3.5 4.5\n", 10)));
        var data = DataSets.Load(new DataSpec { Train = _folder["s*.txt"] }, 2, 1);
        Assert.Equal(["1", "2"], data.Classes);
        for (var i = 0; i < data.Training.Count; i++)
            Assert.Equal(data.Training.ClassNumbers[i] == 1 ? 1.5f : 3.5f, data.Training.Sample(i)[0]);
    }

    [Fact]
    public void Channels_of_arff_stand_one_after_the_other_in_quotes()
    {
        var row = (string label) => $"'1,2,3\\n4,?,6',{label}\n";
        var data = Load("@relation x\n@attribute r relational\n@end r\n@attribute c {a,b}\n@data\n"
            + string.Concat(Enumerable.Repeat(row("a") + row("b"), 10)));
        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal([2, 3], data.Training.SampleShape);
        Assert.Equal([1, 2, 3, 4, 5, 6], data.Training.Sample(0).ToArray());
        Assert.Contains("20 missing values lie on a line between their neighbours.", data.Notes);
    }

    [Fact]
    public void Channels_of_ts_stand_between_colons_and_short_series_go_on_with_their_last_value()
    {
        var data = Load("#note\n@problemName x\n@univariate false\n@classLabel true a b\n@data\n"
            + string.Concat(Enumerable.Repeat("1,2,3:4,5,6:a\n1,2:4,5:b\n", 10)), "@data\n7,8,9,10:1,2,3,4:a\n");
        Assert.Equal([2, 3], data.Training.SampleShape);
        Assert.Equal([7, 8, 9, 1, 2, 3], data.Test.Inputs);
        var b = Array.IndexOf(data.Training.ClassNumbers, 1L);
        Assert.Equal([1, 2, 2, 4, 5, 5], data.Training.Sample(b).ToArray());
        Assert.Contains("10 of 20 samples have another length than 3", Assert.Single(data.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1 2 3 4\n1 2 x 4\n", "line 2 holds 'x' among its values")]
    [InlineData("@problemName x\n@data\n1,2:a\n1,2:3,4:a\n", "line 4 has 2 channels where others have 1")]
    [InlineData("@problemName x\n@timestamps true\n@data\n(1,2):a\n", "its values have time stamps of their own")]
    [InlineData("@relation x\n1,2,a\n", "it has no line @data")]
    public void Broken_series_are_refused_with_their_line(string text, string expected)
        => Assert.Contains(expected, Refused(text), StringComparison.Ordinal);
}
