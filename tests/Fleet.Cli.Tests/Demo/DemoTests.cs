using Fleet.TestKit;

namespace Fleet.Cli.Tests.Demo;

/// <summary>What the demo does when it cannot go its whole way, with the real programs. That it can is tested end to end.</summary>
public sealed class DemoTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Demo_that_is_killed_leaves_no_process_behind()
    {
        await using var demo = await StartAsync();
        var processes = ProcessesOf(_folder["data"]);
        Assert.True(processes.Count >= 4, $"A server and three agents were expected, not {processes.Count} processes.");

        demo.Kill();

        await Eventually.TrueAsync("every process of the demo ended", () => ProcessesOf(_folder["data"]).Count == 0, Deadline);
    }

    /// <summary>T14: the demo makes the folders of a server, a worker and three agents.</summary>
    [Fact]
    public async Task What_the_programs_create_is_their_owners_alone_whatever_the_umask()
    {
        var (program, arguments) = FileModes.WithOpenUmask(Programs.Cli, "demo", "--data", _folder["data"]);
        await using var demo = ChildProcess.Start(program, arguments);
        await demo.WaitForLineAsync("Build the model", Deadline);

        Assert.Empty(FileModes.OpenToOthers(_folder.Path));
        Assert.True(File.Exists(_folder["data", "devices", "demo-arm", "identity.json"]));
    }

    [Fact]
    public async Task Agent_that_dies_fails_the_demo_by_its_name_and_its_last_lines_and_the_logs_stay()
    {
        await using var demo = await StartAsync();
        var agent = Assert.Single(ProcessesOf(_folder["data", "devices", "demo-arm"]),
            process => process.CommandLine.Contains("\0run\0", StringComparison.Ordinal));

        using (var process = System.Diagnostics.Process.GetProcessById(agent.Id)) process.Kill();

        Assert.Equal(1, await demo.WaitForExitAsync(Deadline));
        Assert.Contains("The process demo-arm ended with code 137", demo.Output, StringComparison.Ordinal);
        Assert.Contains("The last lines of demo-arm:", demo.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["data", "logs", "demo-arm.log"]));
        Assert.Empty(ProcessesOf(_folder["data"]));
    }

    [Fact]
    public async Task Demo_that_is_asked_to_stop_ends_in_order_and_removes_its_temporary_folder()
    {
        // The demo takes its temporary folder from TMPDIR.
        await using var demo = await StartAsync(temporary: true);
        await demo.WaitForLineAsync(" %  ", Deadline);

        demo.Terminate();

        Assert.Equal(130, await demo.WaitForExitAsync(Deadline));
        // Its server ends with it, and the build with that.
        Assert.Contains("Build the model: stopped after ", demo.Output, StringComparison.Ordinal);
        Assert.Contains("Stopped.", demo.Output, StringComparison.Ordinal);
        Assert.Empty(ProcessesOf(_folder.Path));
        Assert.Empty(Directory.EnumerateDirectories(_folder["tmp"], "fleet-demo-*"));
    }

    [Fact]
    public async Task Demo_goes_on_in_the_folder_of_one_that_was_killed()
    {
        var certificate = "";
        await using (var first = await StartAsync())
        {
            certificate = await File.ReadAllTextAsync(_folder["data", "devices", "demo-arm", "identity.json"]);
            first.Kill();
            await Eventually.TrueAsync("every process of the demo ended", () => ProcessesOf(_folder["data"]).Count == 0, Deadline);
        }

        // It comes to its build only with all three devices online.
        await using var second = await StartAsync();

        Assert.Equal(certificate, await File.ReadAllTextAsync(_folder["data", "devices", "demo-arm", "identity.json"]));
        Assert.DoesNotContain("joins with a token", second.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Folder_that_is_not_empty_is_refused_before_anything_is_started()
    {
        using var fleet = new ShellUnderTest();
        await File.WriteAllTextAsync(_folder["mine.txt"], "mine");
        Assert.Equal(2, await fleet.RunAsync("demo", "--data", _folder.Path));
        Assert.Contains("is not empty", fleet.Error, StringComparison.Ordinal);
        Assert.Equal(["mine.txt"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Mistake_in_the_spec_is_told_before_anything_is_started()
    {
        using var fleet = new ShellUnderTest();
        await File.WriteAllTextAsync(_folder["spec.yaml"], "modle: a\n");
        Assert.Equal(1, await fleet.RunAsync("demo", "--data", _folder["data"], "--spec", _folder["spec.yaml"]));
        Assert.Contains("did you mean 'model'?", fleet.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["data"]));
    }

    /// <summary>A demo that has come to its build, which takes long enough to disturb it.</summary>
    private async Task<ChildProcess> StartAsync(bool temporary = false)
    {
        Directory.CreateDirectory(_folder["tmp"]);
        string[] arguments = temporary ? ["demo"] : ["demo", "--data", _folder["data"]];
        var demo = ChildProcess.Start(Programs.Cli, arguments, new Dictionary<string, string?> { ["TMPDIR"] = _folder["tmp"] });
        await demo.WaitForLineAsync("Build the model", Deadline);
        return demo;
    }

    /// <summary>Processes whose command line names the folder, the demo itself left out.</summary>
    private static List<(int Id, string CommandLine)> ProcessesOf(string folder)
    {
        var found = new List<(int, string)>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            try
            {
                var commandLine = File.ReadAllText(Path.Combine(process, "cmdline"));
                if (commandLine.Contains(folder, StringComparison.Ordinal) && !commandLine.Contains("\0demo\0", StringComparison.Ordinal))
                    found.Add((int.Parse(Path.GetFileName(process), System.Globalization.CultureInfo.InvariantCulture), commandLine));
            }
            catch (IOException)
            {
                // It ended while it was looked at.
            }
        }
        return found;
    }
}
