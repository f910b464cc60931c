using System.Text.Json;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A demo whose folder is kept, beside which a person types other commands.</summary>
public sealed class DemoFolderTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(12);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Demo_survives_that_its_devices_are_relabelled_and_a_later_one_goes_on_with_its_folder()
    {
        await File.WriteAllTextAsync(_folder["quick.yaml"], """
            model: quick
            data: { kind: vibration, samples: 600 }
            teacher: { family: conv1d, width: 4, training: { epochs: 4, augment: false } }
            student: { family: conv1d, width: 4 }
            distillation: { training: { epochs: 4, augment: false }, fineTuneEpochs: 0, compareWithLabels: false }
            quantization: { profiles: [x64, arm-cpu, jetson], schemes: [int8-weights], calibrationSamples: 16, maximumDrop: 1 }
            gate: { accuracyTolerance: 1, validationSamples: 20 }
            """);
        await using (var first = StartQuick())
        {
            await first.WaitForLineAsync("Build the model", Deadline);
            // The label that the demo's token gives, and that its devices could be told apart by.
            await FleetAsync("devices", "label", "demo-x64", "site-");
            await FleetAsync("devices", "label", "demo-arm", "site=elsewhere");
            Assert.True(await first.WaitForExitAsync(Deadline) == 0, first.Output);
            Assert.Contains("quick 1, ", first.Output, StringComparison.Ordinal);
            Assert.Contains("3 devices measured their variant and serve it", first.Output, StringComparison.Ordinal);
        }

        await using var second = StartQuick();
        await second.WaitForLineAsync("Build the model", Deadline);
        await FleetAsync("devices", "label", "demo-jetson", "site=elsewhere");
        Assert.True(await second.WaitForExitAsync(Deadline) == 0, second.Output);
        Assert.DoesNotContain("joins with a token", second.Output, StringComparison.Ordinal);
        Assert.Contains("quick 2, ", second.Output, StringComparison.Ordinal);
        Assert.Contains("3 devices measured their variant and serve it", second.Output, StringComparison.Ordinal);
    }

    private ChildProcess StartQuick()
        => ChildProcess.Start(Programs.Cli, ["demo", "--once", "--data", _folder["data"], "--spec", _folder["quick.yaml"]]);

    /// <summary>What a person types beside the demo.</summary>
    private async Task FleetAsync(params string[] arguments)
    {
        using var ports = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["data", "ports.json"]));
        var result = await ChildProcess.RunAsync(
            Programs.Cli, [
                .. arguments, "--server", $"http://127.0.0.1:{ports.RootElement.GetProperty("ApiPort").GetString()}",
                "--key-file", _folder["data", "server", "keys", "operator.key"],
            ], Deadline);
        Assert.True(result.Code == 0, result.Output);
    }
}
