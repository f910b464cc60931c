using System.Globalization;
using Fleet.Cli.Demo;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Demo;

/// <summary>No process of the demo outlives it, whichever way it ends.</summary>
public sealed class ChildrenTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_a_child_started_ends_with_it_even_when_it_ignores_the_request()
    {
        await using var children = new Children(_folder.Path);
        var child = await children.StartAsync(
            "shell", "/bin/sh", _folder.Path, "-c", "trap '' TERM; sleep 1000 & echo $!; trap 'exit 0' TERM; wait");
        var grandchild = await FirstNumberAsync("shell.log");
        Assert.True(IsAlive(grandchild));

        await children.StopAsync();

        await Eventually.TrueAsync("the grandchild ended", () => !IsAlive(grandchild));
        Assert.False(children.Died.IsCancellationRequested, "a child that was asked to end did not die");
        Assert.Null(children.FirstDead);
        Assert.Equal("shell", child.Name);
    }

    [Fact]
    public async Task Child_that_ends_unasked_is_noticed_with_its_code_and_its_last_lines()
    {
        await using var children = new Children(_folder.Path);
        var died = new TaskCompletionSource();
        await using var registration = children.Died.Register(died.SetResult);
        await children.StartAsync("server", "/bin/sh", _folder.Path, "-c", "echo listening; echo 'the disk is full' >&2; exit 3");

        await died.Task.WaitAsync(Deadline);

        Assert.Equal(3, children.FirstDead?.ExitCode);
        Assert.Equal(["listening", "the disk is full"], children.FirstDead?.LastLines(5));
    }

    [Fact]
    public async Task Child_ends_when_the_demo_is_killed()
    {
        // The shell plays the demo: it starts the child and is then killed, too suddenly to clean anything up.
        var log = _folder["sleep.log"];
        await using var demo = TestKit.ChildProcess.Start(
            "/bin/sh", ["-c", $"'{Programs.Cli}' {ChildVerb.Name} $$ '{log}' /bin/sh -c 'echo $$; exec sleep 1000' & wait"]);
        var child = await FirstNumberAsync("sleep.log");
        Assert.True(IsAlive(child));

        demo.Kill();

        await Eventually.TrueAsync("the kernel ended the child", () => !IsAlive(child));
    }

    [Fact]
    public async Task Child_whose_demo_is_gone_before_it_began_does_not_begin()
    {
        var result = await TestKit.ChildProcess.RunAsync(
            Programs.Cli, [ChildVerb.Name, "1", _folder["late.log"], "/bin/echo", "begun"], Deadline);
        Assert.Equal(1, result.Code);
        Assert.Empty(await File.ReadAllTextAsync(_folder["late.log"]));
    }

    [Fact]
    public async Task Program_that_is_missing_is_named()
    {
        await using var children = new Children(_folder.Path);
        var child = await children.StartBriefAsync("nothing", "/no/such/program", _folder.Path);
        Assert.Equal(127, await child.WaitAsync(TestContext.Current.CancellationToken));
        Assert.Contains("/no/such/program", Assert.Single(child.LastLines(5)), StringComparison.Ordinal);
        await child.StopAsync();
    }

    private Task<int> FirstNumberAsync(string log) => Eventually
        .ValueAsync("the child wrote its process id",
            () => Task.FromResult(File.Exists(_folder[log]) ? File.ReadLines(_folder[log]).FirstOrDefault() : null))
        .ContinueWith(line => int.Parse(line.Result, CultureInfo.InvariantCulture), TaskScheduler.Default);

    /// <summary>Whether the process is there and no zombie.</summary>
    private static bool IsAlive(int process)
    {
        try
        {
            var state = File.ReadAllText($"/proc/{process}/stat");
            return state[state.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
