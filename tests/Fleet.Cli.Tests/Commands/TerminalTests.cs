using Fleet.Agent.Tests.Inference;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>The real program at a terminal. Ctrl+C: whatever it was at, it says so and ends with 130.</summary>
public sealed class TerminalTests(RealServer server) : IClassFixture<RealServer>, IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Quantizing_that_is_stopped_ends_with_130_and_leaves_nothing()
    {
        var random = new Random(3);
        float[] weights = [.. Enumerable.Range(0, 512 * 512).Select(_ => random.NextSingle() - 0.5f)];
        new OnnxFile().Input("x", OnnxType.Float, -1, 512).Output("y", OnnxType.Float, -1, 512)
            .Constant<float>("a", OnnxType.Float, weights, 512, 512).Node("MatMul", ["x", "a"], ["y"]).Save(_folder["model.onnx"]);
        await using var fleet = ChildProcess.Start(
            Programs.Cli, ["models", "quantize", _folder["model.onnx"], "--calibration", "synthetic", "--out", _folder["variants"]]);
        await fleet.WaitForLineAsync("Quantize model.onnx …", Deadline);

        // As a terminal does, it goes to both programs.
        fleet.Interrupt();

        Assert.Equal(130, await fleet.WaitForExitAsync(Deadline));
        Assert.Equal("fleet: Stopped.", fleet.Lines[^1]);
        Assert.Equal([_folder["model.onnx"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Wait_for_a_build_that_is_stopped_ends_with_130_and_says_that_the_build_goes_on()
    {
        await File.WriteAllTextAsync(_folder["spec.yaml"], """
            model: waited
            data: { kind: vibration, samples: 600 }
            teacher: { family: conv1d, width: 4 }
            student: { family: conv1d, width: 4 }
            """);
        await using var fleet = ChildProcess.Start(
            Programs.Cli, [
                "models", "build", _folder["spec.yaml"], "--wait", "--server", server.Api, "--key-file", server.KeyFile,
            ]);
        await fleet.WaitForLineAsync("waits for a worker", Deadline);

        fleet.Interrupt();

        Assert.Equal(130, await fleet.WaitForExitAsync(Deadline));
        Assert.Contains("goes on without this terminal", fleet.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)Build \S+ of waited: no longer followed after ", fleet.Output);
        Assert.DoesNotContain("failed", fleet.Output, StringComparison.Ordinal);
        Assert.Equal("fleet: Stopped.", fleet.Lines[^1]);
    }

    [Fact]
    public async Task Line_to_copy_is_whole_on_a_terminal_that_is_narrower()
    {
        await using var terminal = ChildProcess.Start(
            "script", [
                "-qefc", $"stty cols 80; exec '{Programs.Cli}' tokens create --server {server.Api} --key-file '{server.KeyFile}'",
                _folder["screen"],
            ]);
        Assert.Equal(0, await terminal.WaitForExitAsync(Deadline));
        Assert.Matches(
            @"(?m)^  fleet-agent enroll --server \S+ --token fleet1\.\S+ --id \$\(hostname\) --data /var/lib/fleet-agent\r?$",
            await File.ReadAllTextAsync(_folder["screen"]));
    }

    [Fact]
    public async Task Question_that_is_answered_by_an_interrupt_ends_with_130_and_changes_nothing()
    {
        await using var created = ChildProcess.Start(
            Programs.Cli, ["tokens", "create", "--server", server.Api, "--key-file", server.KeyFile]);
        Assert.Equal(0, await created.WaitForExitAsync(Deadline));
        var token = created.Lines.Single(line => line.StartsWith("fleet1.", StringComparison.Ordinal)).Split('.')[1];

        // A terminal of its own, which is what a question needs; what is written there is in a file as well.
        await using var terminal = ChildProcess.Start(
            "script", [
                "-qefc", $"exec '{Programs.Cli}' tokens revoke {token} --server {server.Api} --key-file '{server.KeyFile}'",
                _folder["screen"],
            ]);
        await Eventually.TrueAsync("the program asks",
            () => File.Exists(_folder["screen"]) && File.ReadAllText(_folder["screen"]).Contains("[y/N]", StringComparison.Ordinal),
            Deadline, () => terminal.Output);

        ProcessSignals.Send(Assert.Single(terminal.Descendants()), ProcessSignal.Interrupt);

        Assert.Equal(130, await terminal.WaitForExitAsync(Deadline));
        Assert.Contains("Stopped.", terminal.Output, StringComparison.Ordinal);
    }
}
