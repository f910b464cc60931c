using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary><c>tests/programs.sh</c> with test programs that are slow, hang, crash or wait for each other.</summary>
public sealed class TestProgramsTests : IDisposable
{
    private const string Passes = """test() { echo "    $1 [STARTING]"; echo "    $1 [FINISHED] Time: 0.1s"; }""";

    private const string Results = """
        results() { echo "<assemblies><assembly name=\"x\" passed=\"$1\" failed=\"$2\" skipped=\"$3\" errors=\"0\">" > "${@: -1}"; }
        """;

    private const string Pass = "results 1 0 0 \"$@\"";

    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-programs-").FullName;

    [Fact]
    public async Task Program_that_is_slow_is_waited_for()
    {
        var slow = Program("Slow", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do test \"X.$i\"; sleep 0.5; done; results 12 0 0 \"$@\"");
        var (code, lines) = await RunAsync(silence: 3, ["--alone", slow]);
        Assert.Equal(0, code);
        Assert.Equal("12 passed, 0 failed, 0 skipped", lines[^1]);
        Assert.Contains(lines, line => line.StartsWith("[00:0", StringComparison.Ordinal)
            && line.Contains("Slow", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Program_that_hangs_is_ended_with_what_it_started_and_what_had_passed_counts()
    {
        var hangs = Program("Hangs", $"""
            test X.One; echo "    X.Two(text: \"[FAIL]\") [STARTING]"
            sleep 600 & echo $! > {_folder}/child
            wait
            """);
        var (code, lines) = await RunAsync(silence: 2, ["--alone", hangs, "--alone", Good("After", 3)]);
        Assert.Equal(1, code);
        Assert.Equal("4 passed, 1 failed, 0 skipped", lines[^1]);
        Assert.Contains("  X.Two(text: \"[FAIL]\")", lines);
        Assert.Contains(lines, line => line.StartsWith("Hangs: 1 passed, 1 failed", StringComparison.Ordinal)
            && line.EndsWith("(silent for 2 s and ended)", StringComparison.Ordinal));
        await Eventually.TrueAsync(
            "the child ended", () => !Directory.Exists($"/proc/{File.ReadAllText(Path.Combine(_folder, "child")).Trim()}"));
    }

    [Fact]
    public async Task Program_that_crashes_keeps_what_had_passed()
    {
        var crashes = Program("Crashes", "test X.One; test X.Two; echo '    X.Three [STARTING]'; kill -SEGV $$");
        var (code, lines) = await RunAsync(silence: 60, ["--alone", crashes]);
        Assert.Equal(1, code);
        Assert.Contains("  X.Three", lines);
        Assert.Contains(lines, line => line.StartsWith("Crashes: 2 passed, 1 failed", StringComparison.Ordinal)
            && line.EndsWith("(ended with code 139 and no results)", StringComparison.Ordinal));
        Assert.Equal("2 passed, 1 failed, 0 skipped", lines[^1]);
    }

    [Fact]
    public async Task Failures_are_shown_and_counted_as_the_results_say()
    {
        var fails = Program("Fails",
            "test X.One; echo '    X.Two [FAIL]'; echo '      Assert.Equal() Failure'; results 1 1 2 \"$@\"; exit 1");
        var (code, lines) = await RunAsync(silence: 60, ["--together", fails]);
        Assert.Equal(1, code);
        Assert.Contains("      Assert.Equal() Failure", lines);
        Assert.DoesNotContain(lines, line => line.Contains("[STARTING]", StringComparison.Ordinal));
        // Said again at the end, which is all that some keep of a long log.
        Assert.Equal(["    X.Two [FAIL]", "      Assert.Equal() Failure"], lines.TakeLast(4).Take(2));
        Assert.StartsWith("Failed: Fails.", lines[^2], StringComparison.Ordinal);
        Assert.Equal("1 passed, 1 failed, 2 skipped", lines[^1]);
    }

    [Theory]
    [InlineData("results 0 0 0 \"$@\"", "(holds no test)")]
    [InlineData("test X.One; results 1 0 0 \"$@\"; exit 3", "(ended with code 3 though no test failed)")]
    [InlineData("exit 0", "(ended with code 0 and no results)")]
    public async Task Program_that_proves_nothing_fails(string script, string trouble)
    {
        var (code, lines) = await RunAsync(silence: 60, ["--together", Program("Empty", script)]);
        Assert.Equal(1, code);
        Assert.Contains(lines, line => line.StartsWith("Empty: ", StringComparison.Ordinal)
            && line.EndsWith(trouble, StringComparison.Ordinal));
        Assert.EndsWith(" passed, 1 failed, 0 skipped", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Program_and_what_it_starts_can_be_interrupted()
    {
        var interruptible = Program("Signals", $"(( 16#$(awk '/SigIgn/ {{ print $2 }}' /proc/self/status) & 2 )) && exit 1; {Pass}");
        var (code, lines) = await RunAsync(silence: 60, ["--alone", interruptible]);
        Assert.Equal((0, "1 passed, 0 failed, 0 skipped"), (code, lines[^1]));
    }

    [Fact]
    public async Task Programs_run_side_by_side_or_alone_as_they_ask()
    {
        // Each of the two ends only when the other has begun; the one alone fails if another runs.
        string[] programs =
        [
            "--together", Program("Left", Meets("left", "right")),
            "--together", Program("Right", Meets("right", "left")),
            "--alone", Program("Alone", $"[[ -e {_folder}/left.runs || -e {_folder}/right.runs ]] && exit 1; {Pass}"),
        ];
        var (code, lines) = await RunAsync(silence: 120, programs);
        Assert.Equal((0, "3 passed, 0 failed, 0 skipped"), (code, lines[^1]));
    }

    [Fact]
    public async Task Program_that_needs_another_process_to_end_first_waits_for_it()
    {
        using var preparing = System.Diagnostics.Process.Start(
            "bash", ["-c", $"until [[ -e {_folder}/first.began ]]; do sleep 0.1; done; sleep 1; touch {_folder}/prepared"]);
        string[] programs =
        [
            "--together", Program("First", $"touch {_folder}/first.began; {Pass}"),
            "--after", $"{preparing.Id}",
            "--together", Program("Second", $"[[ -e {_folder}/prepared ]] || exit 1; {Pass}"),
        ];
        var (code, lines) = await RunAsync(silence: 120, programs);
        Assert.Equal((0, "2 passed, 0 failed, 0 skipped"), (code, lines[^1]));
    }

    [Fact]
    public async Task What_xunit_writes_live_is_understood()
    {
        // This very program; its results are removed, so that its log has to do.
        var self = Program("Self", $"""
            "{Path.Combine(AppContext.BaseDirectory, "Fleet.Architecture.Tests")}" "$@"; code=$?; rm "${"{@: -1}"}"; exit $code
            """);
        var (_, lines) = await RunAsync(
            silence: 600, ["--alone", self, "--", "-method", "*Rooms_are_named*", "-method", "*Circle_is_seen*"]);
        Assert.Contains(lines, line => line.StartsWith("Self: 2 passed, 1 failed, 0 skipped", StringComparison.Ordinal)
            && line.EndsWith("no results)", StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Meets(string self, string other)
        => $"cd {_folder}; touch {self}.began {self}.runs; until [[ -e {other}.began ]]; do sleep 0.1; done; rm {self}.runs; {Pass}";

    private string Good(string name, int tests)
        => Program(name, $"for i in $(seq {tests}); do test \"X.$i\"; done; results {tests} 0 0 \"$@\"");

    // A program that is started as a test program is: the file for its results is its last argument.
    private string Program(string name, string script)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, $"#!/usr/bin/env bash\n{Passes}\n{Results}\n{script}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private async Task<(int Code, IReadOnlyList<string> Lines)> RunAsync(int silence, IEnumerable<string> arguments)
    {
        var environment = new Dictionary<string, string?>
        {
            ["FLEET_TEST_SILENCE_SECONDS"] = $"{silence}",
            ["FLEET_TEST_PROGRESS_SECONDS"] = "1",
        };
        var result = await ChildProcess.RunAsync(
            Repository.PathOf("tests", "programs.sh"), [Path.Combine(_folder, "results"), .. arguments],
            TimeSpan.FromMinutes(5), environment);
        return (result.Code, [.. result.Output.TrimEnd('\n').Split('\n')]);
    }
}
