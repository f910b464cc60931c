using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>The commands of README.md, run as they are written, against the real programs.</summary>
public sealed class ReadmeTests
{
    /// <summary>
    /// The ports of the README belong to whoever runs the tests: where the system allows it, the script gets a network of its own.
    /// </summary>
    private static readonly string[] OwnNetwork = [
        "--user", "--map-root-user", "--net", "bash", "-c", "ip link set lo up && \"$@\"", "bash",
    ];

    [Fact]
    public async Task Way_of_a_model_by_hand_goes_as_it_is_written()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder["deploy"], Repository.PathOf("deploy"));
        await File.WriteAllTextAsync(
            folder["by-hand.sh"], $"set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n{BlockUnder("## The way of a model, by hand")}");

        var result = await RunAsync(folder.Path, TimeSpan.FromMinutes(8), "bash", "-x", "by-hand.sh");

        Assert.True(result.Code == 0, $"{result.Output}\n{LogOf(folder["server.log"])}\n{LogOf(folder["press-7.log"])}");
        Assert.Matches(@"(?m)^Rollout \S+ of vibration-small 1: succeeded", result.Output);
        Assert.Matches(@"(?m)^press-7\s+1\s+succeeded\s+active\s+x64-", result.Output);
    }

    [Fact]
    public async Task Walk_of_a_devices_life_goes_as_it_is_written()
    {
        using var folder = new TemporaryFolder();
        var walk = BlockUnder("### The walk, by hand", "server", "Fleet.Server", "Enrollment", "README.md");
        await File.WriteAllTextAsync(folder["life.sh"], $"set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n{walk}");

        var result = await RunAsync(folder.Path, TimeSpan.FromMinutes(8), "bash", "-x", "life.sh");

        Assert.True(result.Code == 0, $"{result.Output}\n{LogOf(folder["server.log"])}\n{LogOf(folder["press-7.log"])}");
        Assert.Contains("The old board is refused.", result.Output, StringComparison.Ordinal);
        Assert.Contains("Device press-7 is decommissioned.", result.Output, StringComparison.Ordinal);
    }

    private static string LogOf(string file) => File.Exists(file) ? File.ReadAllText(file) : $"{file} was not written.";

    private static async Task<ProcessResult> RunAsync(string folder, TimeSpan deadline, params string[] command)
    {
        var programs = ((string[])[Programs.Server, Programs.Agent, Programs.Modeling, Programs.Cli]).Select(Path.GetDirectoryName);
        var environment = new Dictionary<string, string?>
        {
            ["PATH"] = $"{string.Join(':', programs)}:{Environment.GetEnvironmentVariable("PATH")}",
        };
        var apart = await CanBeApartAsync();
        return await ChildProcess.RunAsync(
            apart ? "unshare" : command[0], apart ? [.. OwnNetwork, .. command] : command[1..], deadline, environment, folder);
    }

    private static async Task<bool> CanBeApartAsync()
    {
        try
        {
            return (await ChildProcess.RunAsync("unshare", [.. OwnNetwork, "true"], TimeSpan.FromSeconds(10))).Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // There is no such program here.
        }
    }

    /// <summary>The first shell block behind a heading.</summary>
    private static string BlockUnder(string heading, params string[] page)
    {
        const string begin = "```bash\n";
        var text = File.ReadAllText(Repository.PathOf(page is [] ? ["README.md"] : page));
        var from = text.IndexOf(begin, text.IndexOf(heading, StringComparison.Ordinal), StringComparison.Ordinal) + begin.Length;
        return text[from..text.IndexOf("```", from, StringComparison.Ordinal)];
    }
}
