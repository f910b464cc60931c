using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests;

/// <summary>What a guarded run leaves where results belong, however it ends: the built programs, stopped, killed and failing.</summary>
public sealed class GuardedRunTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Run_that_is_stopped_or_killed_leaves_nothing_where_results_belong()
    {
        using var folder = new ScratchFolder();
        // Large enough to be met at work.
        var graph = new GraphBuilder().Input("x", 1, 1024);
        for (var i = 0; i < 12; i++) graph.Weight($"w{i}", 1024, 1024).Node("MatMul", [i == 0 ? "x" : $"v{i}", $"w{i}"], $"v{i + 1}");
        graph.Node("Identity", ["v12"], "y").Output("y", 1, 1024).Save(folder, "m.onnx");
        string[] arguments = ["models", "quantize", folder.File("m.onnx"), "--calibration", "synthetic", "--out", folder.File("out")];

        await using (var stopped = ChildProcess.Start(Programs.Cli, arguments))
        {
            await AtWorkAsync(folder);
            stopped.Terminate();
            Assert.Equal(130, await stopped.WaitForExitAsync(Deadline));
            Assert.Equal([folder.File("m.onnx")], Directory.EnumerateFileSystemEntries(folder.Path));
        }
        await using (var interrupted = ChildProcess.Start(Programs.Cli, arguments))
        {
            await AtWorkAsync(folder);
            interrupted.Interrupt();
            interrupted.Terminate(); // Whoever started it asks as well.
            Assert.Equal(130, await interrupted.WaitForExitAsync(Deadline));
            Assert.Equal("Stopped.", FleetModels.Said(interrupted.Output));
            Assert.Equal([folder.File("m.onnx")], Directory.EnumerateFileSystemEntries(folder.Path));
        }
        await using (var killed = ChildProcess.Start(Programs.Cli, arguments))
        {
            await AtWorkAsync(folder);
            killed.Kill();
            await killed.WaitForExitAsync(Deadline);
            // Its child goes with it.
            await Eventually.TrueAsync("the child of a killed run is gone", () => killed.Descendants().Count == 0, Deadline);
            Assert.False(Directory.Exists(folder.File("out")));
        }
        // The next run for the same target clears what the killed one left.
        SaveSmall(folder);
        await SucceedAsync(folder, "int8-dynamic");
        Assert.Equal([folder.File("m.onnx"), folder.File("out")], Directory.EnumerateFileSystemEntries(folder.Path).Order());
    }

    [Fact]
    public async Task Results_of_an_earlier_run_stay_when_a_later_one_fails()
    {
        using var folder = new ScratchFolder();
        SaveSmall(folder);
        await SucceedAsync(folder, "int8-dynamic");
        string[] files = [.. Directory.EnumerateFiles(folder.File("out")).Order()];
        Assert.Contains(folder.File("out/report.json"), files);
        File.WriteAllText(folder.File("m.onnx"), "a letter");
        Assert.Equal(1, (await RunAsync(folder, "--scheme", "int8-dynamic")).Code);
        Assert.Equal(files, Directory.EnumerateFiles(folder.File("out")).Order());
        Assert.Equal([folder.File("m.onnx"), folder.File("out")], Directory.EnumerateFileSystemEntries(folder.Path).Order());
    }

    [Fact]
    public async Task Results_take_the_place_of_earlier_ones_and_what_else_is_there_stays()
    {
        using var folder = new ScratchFolder();
        SaveSmall(folder);
        await SucceedAsync(folder, "int8-dynamic");
        File.WriteAllText(folder.File("out/notes.txt"), "mine");
        File.WriteAllText(folder.File("out/report.json"), "old");
        await SucceedAsync(folder, "int8-weights");
        Assert.Equal("mine", File.ReadAllText(folder.File("out/notes.txt")));
        Assert.StartsWith("{", File.ReadAllText(folder.File("out/report.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Model_that_needs_more_memory_than_it_may_have_is_told_so_and_nothing_is_written()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("x", 1, 8192).Weight("w", 8192, 8192).Node("MatMul", ["x", "w"], "y")
            .Output("y", 1, 8192).Save(folder, "m.onnx");
        var result = await RunAsync(folder, "--scheme", "int8-weights", "--memory", "0.2");
        Assert.Equal(1, result.Code);
        Assert.Contains("m.onnx needs more memory than it may have", result.Output, StringComparison.Ordinal);
        Assert.Equal([folder.File("m.onnx")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Target_that_is_a_file_is_refused_and_stays()
    {
        using var folder = new ScratchFolder();
        SaveSmall(folder);
        File.WriteAllText(folder.File("out"), "a letter");
        var result = await RunAsync(folder, "--scheme", "int8-dynamic");
        Assert.Equal(1, result.Code);
        Assert.Contains("out is a file; name a folder for the results", result.Output, StringComparison.Ordinal);
        Assert.Equal("a letter", File.ReadAllText(folder.File("out")));
    }

    private static void SaveSmall(ScratchFolder folder)
        => new GraphBuilder().Input("x", 1, 64).Weight("w", 64, 64).Node("MatMul", ["x", "w"], "y")
            .Output("y", 1, 64).Save(folder, "m.onnx");

    private static async Task SucceedAsync(ScratchFolder folder, string scheme)
    {
        var result = await RunAsync(folder, "--scheme", scheme, "--minimum-snr", "0");
        Assert.True(result.Code == 0, result.Output);
    }

    private static Task<ProcessResult> RunAsync(ScratchFolder folder, params string[] options)
        => FleetModels.QuantizeAsync([folder.File("m.onnx"), "--profile", "x64", "--out", folder.File("out"), .. options], Deadline);

    private static Task AtWorkAsync(ScratchFolder folder)
        => Eventually.TrueAsync("the run writes", () => Directory.EnumerateDirectories(folder.Path, ".out.*.partial").Any(), Deadline);
}
