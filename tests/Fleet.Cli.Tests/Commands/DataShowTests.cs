using System.Text.Json;
using Fleet.Contracts;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary><c>fleet data show</c>: what is understood of data, before anything is trained.</summary>
public sealed class DataShowTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ShellUnderTest _fleet = new();

    public void Dispose()
    {
        _fleet.Dispose();
        _folder.Dispose();
    }

    private string Picture(string name, byte value)
    {
        var path = _folder[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, [.. "P5 4 2 255\n"u8, .. Enumerable.Range(0, 8).Select(place => (byte)(place < 4 ? value : 0))]);
        return path;
    }

    [Fact]
    public async Task Folder_of_pictures_is_shown_with_its_classes_and_drawn()
    {
        for (var i = 0; i < 20; i++) Picture($"p/bright/{i}.pgm", 255);
        for (var i = 0; i < 10; i++) Picture($"p/dim/{i}.pgm", 128);
        var code = await _fleet.RunAsync("data", "show", "--data", _folder["p"]);
        Assert.True(code == 0, _fleet.Error);
        Assert.Contains("folder: classification, samples of 1 x 2 x 4", _fleet.Output, StringComparison.Ordinal);
        Assert.Contains("2 classes, the smallest 'dim' with 7 training samples", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches("(?m)^bright +14 +2 +4 ", _fleet.Output);
        Assert.Contains("▒▒▒▒", _fleet.Output, StringComparison.Ordinal);
        Assert.All(_fleet.Output.Split('\n').Where(line => !line.Contains(_folder.Path, StringComparison.Ordinal)),
            line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public async Task Table_is_shown_with_the_ranges_of_its_columns_and_as_json()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"],
            ["width,height,kind", .. Enumerable.Range(0, 40).Select(i => $"{i},{-i},{(i % 2 == 0 ? "even" : "odd")}")]);
        Assert.Equal(0, await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "kind"));
        Assert.Matches("(?m)^width +[0-9]+ +3[0-9] ", _fleet.Output);
        using var script = new ShellUnderTest();
        Assert.Equal(0, await script.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "kind", "--json"));
        var report = JsonSerializer.Deserialize(script.Output, FleetJson.Strict.DataReport)!;
        Assert.Equal("csv", report.Spec.Kind);
        Assert.Equal(["even", "odd"], report.Classes.Select(one => one.Name));
    }

    [Fact]
    public async Task What_cannot_be_read_is_a_sentence_with_the_remedy()
    {
        await File.WriteAllTextAsync(_folder["t.csv"], "width,kind\n1,a\n");
        Assert.Equal(1, await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"]));
        Assert.Contains("has the columns width, kind; name the one that is to be predicted in --label", _fleet.Error,
            StringComparison.Ordinal);
        Assert.Equal(2, await _fleet.RunAsync("data", "show"));
        Assert.Contains("Name a build spec, or data with --data.", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Samples_with_several_labels_are_said_with_how_many_each_has()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"],
            ["size,tags", .. Enumerable.Range(0, 40).Select(i => $"{i},{(i % 4 == 0 ? "hot" : i % 4 == 1 ? "loud" : "hot;loud")}")]);
        Assert.Equal(0, await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "tags"));
        Assert.Contains("csv: multiLabel", _fleet.Output, StringComparison.Ordinal);
        Assert.Contains("2 labels, 1.5 a sample, the rarest", _fleet.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Texts_of_a_table_are_told_by_themselves_and_shown_as_they_are_written()
    {
        string Meant(int row) => row % 2 == 0 ? "pay" : "stop";
        await File.WriteAllLinesAsync(_folder["t.csv"],
            ["id,said,meant", .. Enumerable.Range(0, 40).Select(i => $"{i},please {Meant(i)} number {i},{Meant(i)}")]);
        var code = await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "meant");
        Assert.True(code == 0, _fleet.Error);
        Assert.Contains("text: classification, samples of 32", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches("(?m)^pay +please pay number", _fleet.Output);
        using var table = new ShellUnderTest();
        Assert.Equal(0, await table.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "meant", "--kind", "csv"));
        Assert.Contains("csv: classification", table.Output, StringComparison.Ordinal);
        using var other = new ShellUnderTest();
        Assert.Equal(1, await other.RunAsync("data", "show", "--data", _folder["t.csv"], "--label", "meant", "--input", "words"));
        Assert.Contains("it has no column 'words' (--input); its columns are id, said, meant", other.Error.ReplaceLineEndings(" "),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Windows_groups_and_samples_without_labels_are_named_by_options()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"], [
            "a,who,y", .. Enumerable.Range(0, 80).Select(i => $"{i % 9},m{i / 10},{(i / 10 % 2 == 0 ? "on" : "off")}"),
        ]);
        string[] asked = ["data", "show", "--data", _folder["t.csv"], "--label", "y", "--group", "who", "--json"];
        var code = await _fleet.RunAsync([.. asked, "--unlabelled", _folder["t.csv"]]);
        Assert.True(code == 0, _fleet.Error);
        var report = JsonSerializer.Deserialize(_fleet.Output, FleetJson.Strict.DataReport)!;
        Assert.Equal(("who", 80), (report.Spec.GroupColumn, report.Samples.Unlabelled));
        using var windows = new ShellUnderTest();
        Assert.Equal(0, await windows.RunAsync([.. asked, "--window", "4"]));
        report = JsonSerializer.Deserialize(windows.Output, FleetJson.Strict.DataReport)!;
        var series = report.Spec.Series!;
        Assert.Equal(("series", 4, 2, "who"), (report.Spec.Kind, series.Window, series.Step, series.Unit));
        Assert.Equal([1, 4], report.SampleShape);
        using var wrong = new ShellUnderTest();
        Assert.Equal(2, await wrong.RunAsync("data", "show", "--data", _folder["t.csv"], "--window", "4;2"));
        Assert.Contains("--window '4;2' is not written as ROWS or ROWS,STEP", wrong.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--label", "kind", "--label goes with --data; ", " says it in data.labelColumn.")]
    [InlineData("--input", "text", "--input goes with --data; ", " says it in data.text.column.")]
    [InlineData("--unlabelled", "u.csv", "--unlabelled goes with --data; ", " says it in data.unlabelled.")]
    [InlineData("--group", "who", "--group goes with --data; ", " says it in data.groupColumn.")]
    [InlineData("--window", "8,4", "--window goes with --data; ", " says it in data.series.")]
    [InlineData("--kind", "csv", "--kind goes with --data; ", " says it in data.kind.")]
    [InlineData("--test", "t.csv", "--test goes with --data; ", " says it in data.test.")]
    [InlineData("--task", "regression", "--task goes with --data; ", " says it in data.task.")]
    [InlineData("--preprocess", "width=8 height=8", "--preprocess goes with --data; ", " says it in data.preprocessing.")]
    public async Task Option_that_says_nothing_beside_a_spec_is_refused(string option, string value, params string[] said)
    {
        var code = await _fleet.RunAsync("data", "show", _folder["spec.yaml"], option, value);
        Assert.NotEqual(0, code);
        Assert.All(said, part => Assert.Contains(part, _fleet.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Normal_samples_are_named_by_an_option()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"],
            ["heat,state", .. Enumerable.Range(0, 80).Select(i => $"{i % 7 + i / 10},{(i % 8 == 7 ? "leak" : "fine")}")]);
        var code = await _fleet.RunAsync(
            "data", "show", "--data", _folder["t.csv"], "--label", "state", "--task", "anomaly", "--normal", "fine");
        Assert.True(code == 0, _fleet.Error);
        Assert.Contains("Normal samples alone train; anomalies, where there are any, judge.", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches("(?m)^anomaly +0 +0 +[1-9]", _fleet.Output);
        using var wrong = new ShellUnderTest();
        Assert.Equal(1, await wrong.RunAsync(
            "data", "show", "--data", _folder["t.csv"], "--label", "state", "--task", "anomaly", "--normal", "okay"));
        Assert.Contains("--normal names 'okay', which no sample has; the labels are fine, leak", wrong.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_missing_is_named_by_the_option_that_gives_it()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"], ["a,b", "1,2", "3,4"]);
        Assert.NotEqual(0, await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"]));
        Assert.Contains("--label", _fleet.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("data.labelColumn", _fleet.Error, StringComparison.Ordinal);
    }
}
