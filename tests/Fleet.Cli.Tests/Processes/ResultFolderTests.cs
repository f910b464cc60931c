using Fleet.Cli.Client;
using Fleet.Cli.Processes;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Processes;

/// <summary>Results come to their place whole or not at all.</summary>
public sealed class ResultFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder["deep", "er", "variants"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Results_are_at_their_place_once_they_are_placed_and_not_before()
    {
        using (var results = ResultFolder.At(Target))
        {
            Write(results, "report.json", "new");
            Assert.False(Directory.Exists(Target));
            results.Place();
        }
        Assert.Equal("new", File.ReadAllText(Path.Combine(Target, "report.json")));
        Assert.Equal(["variants"], Entries(_folder["deep", "er"]));
    }

    [Fact]
    public void Run_that_fails_leaves_nothing_not_even_the_folders_on_the_way()
    {
        using (var results = ResultFolder.At(Target)) Write(results, "report.json", "half");
        Assert.Empty(Entries(_folder.Path));
    }

    [Fact]
    public void Run_that_fails_leaves_earlier_results_as_they_were()
    {
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "report.json"), "old");
        using (var results = ResultFolder.At(Target)) Write(results, "report.json", "half");
        Assert.Equal("old", File.ReadAllText(Path.Combine(Target, "report.json")));
        Assert.Equal(["variants"], Entries(_folder["deep", "er"]));
    }

    [Fact]
    public void Results_of_an_earlier_run_are_replaced_and_what_is_not_of_a_run_stays()
    {
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "report.json"), "old");
        File.WriteAllText(Path.Combine(Target, "notes.txt"), "mine");
        using (var results = ResultFolder.At(Target))
        {
            Write(results, "report.json", "new");
            Write(results, Path.Combine("x64", "v.onnx"), "model");
            results.Place();
        }
        Assert.Equal("new", File.ReadAllText(Path.Combine(Target, "report.json")));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Target, "notes.txt")));
        Assert.Equal("model", File.ReadAllText(Path.Combine(Target, "x64", "v.onnx")));
    }

    [Fact]
    public void What_a_killed_run_left_is_removed_and_what_a_living_one_has_is_not()
    {
        var parent = _folder["deep", "er"];
        // No process has the largest number there is; this one lives.
        var (dead, living) = ($".variants.{int.MaxValue}.partial", $".variants.{Environment.ProcessId}.partial");
        foreach (var left in (string[])[dead, living, $".other.{int.MaxValue}.partial"])
            Directory.CreateDirectory(Path.Combine(parent, left, "inside"));
        using (ResultFolder.At(Target))
        {
            Assert.Equal([$".other.{int.MaxValue}.partial", living], Entries(parent).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void File_in_the_place_of_the_folder_is_not_touched()
    {
        File.WriteAllText(_folder["taken"], "mine");
        var refusal = Assert.Throws<FleetException>(() => ResultFolder.At(_folder["taken"]));
        Assert.Equal($"{_folder["taken"]} is a file; name a folder for the results.", Assert.Single(refusal.Lines));
    }

    [Fact]
    public void Folder_below_a_file_or_where_nothing_can_be_written_is_refused_before_the_work()
    {
        File.WriteAllText(_folder["file"], "");
        var refusal = Assert.Throws<FleetException>(() => ResultFolder.At(Path.Combine(_folder["file"], "sub", "results")));
        Assert.Contains($"{_folder["file"]} is a file; name a folder", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("/proc/results cannot take results",
            Assert.Throws<FleetException>(() => ResultFolder.At("/proc/results")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Link_to_what_is_read_does_not_hide_it()
    {
        Directory.CreateDirectory(_folder["real"]);
        File.WriteAllText(_folder["real", "x64-int8.onnx"], "model");
        Directory.CreateSymbolicLink(_folder["linked"], _folder["real"]);
        File.CreateSymbolicLink(_folder["model.onnx"], _folder["real", "x64-int8.onnx"]);
        foreach (var (folder, input) in ((string, string)[])[
            (_folder["linked"], _folder["real", "x64-int8.onnx"]), (_folder["real"], _folder["model.onnx"]),
        ])
        {
            Assert.Throws<FleetException>(
                () => ResultFolder.Spare(folder, name => name.StartsWith("x64-", StringComparison.Ordinal), input));
            ResultFolder.Spare(folder, name => name.StartsWith("arm-", StringComparison.Ordinal), input);
        }
    }

    [Fact]
    public void Root_of_the_disk_cannot_take_results() => Assert.Throws<FleetException>(() => ResultFolder.At("/"));

    private static void Write(ResultFolder results, string name, string text)
    {
        var path = Path.Combine(results.Partial, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    private static IEnumerable<string?> Entries(string folder) => Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName);
}
