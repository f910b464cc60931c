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

    [Theory]
    [InlineData("--label", "kind", "--label goes with --data; ", " says it in data.labelColumn.")]
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
    public async Task What_is_missing_is_named_by_the_option_that_gives_it()
    {
        await File.WriteAllLinesAsync(_folder["t.csv"], ["a,b", "1,2", "3,4"]);
        Assert.NotEqual(0, await _fleet.RunAsync("data", "show", "--data", _folder["t.csv"]));
        Assert.Contains("--label", _fleet.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("data.labelColumn", _fleet.Error, StringComparison.Ordinal);
    }
}
