using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests.Kit;

/// <summary>The kit is what other tests believe: that it kills, waits and cuts is itself tested.</summary>
public sealed class ChildProcessTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Line_is_awaited_and_the_exit_code_told()
    {
        await using var child = ChildProcess.Start("/bin/sh", ["-c", "echo ready; exit 3"]);
        Assert.Equal("ready", await child.WaitForLineAsync("ready", Deadline));
        Assert.Equal(3, await child.WaitForExitAsync(Deadline));
    }

    [Fact]
    public async Task Program_that_ends_without_the_line_fails_with_its_output()
    {
        await using var child = ChildProcess.Start("/bin/sh", ["-c", "echo no such file >&2; exit 1"]);
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => child.WaitForLineAsync("ready", Deadline));
        Assert.Contains("ended with code 1", failure.Message, StringComparison.Ordinal);
        Assert.Contains("no such file", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orphan_of_a_killed_program_does_not_outlive_the_test()
    {
        int orphan;
        await using (var child = ChildProcess.Start("/bin/sh", ["-c", "sleep 600 & echo orphan $!; wait"]))
        {
            orphan = int.Parse((await child.WaitForLineAsync("orphan ", Deadline))[7..]);
            child.Kill();
            await Eventually.TrueAsync("the program ended", () => child.HasExited);
            Assert.Contains(orphan, child.Descendants());
        }
        await Eventually.TrueAsync("the orphan ended", () => !Runs(orphan));
    }

    [Fact]
    public async Task Program_is_asked_to_stop_and_may_say_goodbye()
    {
        await using var child = ChildProcess.Start(
            "/bin/sh", ["-c", "trap 'echo goodbye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"]);
        await child.WaitForLineAsync("ready", Deadline);
        child.Terminate();
        Assert.Equal(0, await child.WaitForExitAsync(Deadline));
        Assert.Contains("goodbye", child.Lines);
    }

    [Fact]
    public async Task What_never_happens_is_named_when_the_deadline_passes()
    {
        var failure = await Assert.ThrowsAsync<TimeoutException>(
            () => Eventually.TrueAsync("pigs flew", () => false, TimeSpan.FromMilliseconds(50)));
        Assert.EndsWith("it did not happen that pigs flew.", failure.Message, StringComparison.Ordinal);
    }

    // A zombie nobody waited for is dead: its command line is empty.
    private static bool Runs(int id)
    {
        try { return File.ReadAllText($"/proc/{id}/cmdline").Length > 0; }
        catch (IOException) { return false; }
    }
}
