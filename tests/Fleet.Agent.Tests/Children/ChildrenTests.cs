using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Fleet.Agent.Children;
using Fleet.Agent.Tests.Inference;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Children;

/// <summary>What every child process owes the device: it ends with the agent, and ONNX Runtime in it keeps to itself.</summary>
public sealed class ChildrenTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Inference_host_ends_when_the_agent_is_killed()
    {
        // The shell's first process stands for the agent: it holds the host's standard input, and is killed.
        await using var shell = Shell($"(echo agent=$BASHPID >&2; exec sleep 600) | '{ChildProgram.Path}' infer-host --port 0");
        var agent = await shell.WaitForLineAsync("agent=", HostFixture.Deadline);
        await shell.WaitForLineAsync("http://127.0.0.1:", HostFixture.Deadline);
        HostFixture.Signal(NumberIn(agent), 9);
        Assert.Equal(0, await shell.WaitForExitAsync(HostFixture.Deadline));
    }

    [Fact]
    public async Task Validation_in_the_middle_of_a_run_ends_when_the_agent_is_killed()
    {
        var request = Request(TestModels.Slow(_folder.Path, 20_000));
        await using var shell = Shell(
            $"(echo agent=$BASHPID >&2; echo '{request}'; exec sleep 600) | (echo child=$BASHPID >&2; exec '{ChildProgram.Path}' "
                + $"validate)");
        var agent = await shell.WaitForLineAsync("agent=", HostFixture.Deadline);
        using var child = Process.GetProcessById(NumberIn(await shell.WaitForLineAsync("child=", HostFixture.Deadline)));
        await Eventually.TrueAsync("the model runs", () =>
        {
            child.Refresh();
            return child.TotalProcessorTime > TimeSpan.FromSeconds(1.5);
        });
        HostFixture.Signal(NumberIn(agent), 9);
        Assert.Equal(1, await shell.WaitForExitAsync(HostFixture.Deadline));
    }

    [Fact]
    public async Task Child_that_allocates_faster_than_it_is_watched_gets_no_more_than_its_limit()
    {
        // Nobody reads this child's memory from outside: only its own limit can stop it.
        var request = Request(TestModels.Hungry(_folder.Path, mebibytes: 1500), maximumMemoryBytes: 256L << 20);
        await using var shell = Shell($"(echo '{request}'; exec sleep 20) | '{ChildProgram.Path}' validate; exit 0");
        var reply = JsonSerializer.Deserialize(
            await shell.WaitForLineAsync("\"failure\"", HostFixture.Deadline), FleetJson.Default.ValidationReply)!;
        Assert.Equal(DeploymentFailure.MemoryExceeded, reply.Failure);
        Assert.StartsWith("The variant could not get the memory that it asked for; 256 MiB are allowed.",
            reply.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ONNX_Runtime_writes_no_telemetry_file_and_opens_no_connection()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed.");
        var home = Directory.CreateDirectory(_folder["home"]).FullName;
        var trace = _folder["trace"];
        var request = Request(TestModels.Scale(_folder.Path, 2));
        await using var shell = Shell(
            $"echo '{request}' > '{_folder["request"]}'; (cat '{_folder["request"]}'; sleep 600) | HOME='{home}' XDG_CACHE_HOME='{home}' "
                + $"strace --follow-forks --seccomp-bpf --trace=openat,connect,sendto,mkdir,unlink --output='{trace}' "
                + $"'{ChildProgram.Path}' validate");
        await shell.WaitForLineAsync("\"failure\":\"none\"", HostFixture.Deadline);
        await Eventually.TrueAsync(
            "the trace is complete", () => File.ReadAllText(trace).Contains("+++ exited with 0 +++", StringComparison.Ordinal));

        var calls = await File.ReadAllTextAsync(trace);
        Assert.Contains("libonnxruntime.so", calls, StringComparison.Ordinal); // Otherwise this would prove nothing.
        Assert.DoesNotContain("onnxruntime.db", calls, StringComparison.Ordinal);
        Assert.DoesNotContain("DeveloperTools", calls, StringComparison.Ordinal);
        Assert.DoesNotContain("/.ses", calls, StringComparison.Ordinal);
        Assert.DoesNotContain("AF_INET", calls, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
    }

    [Theory]
    [InlineData("infer-host", "--port", "0")]
    [InlineData("validate")]
    public async Task Child_that_would_let_ONNX_Runtime_call_home_does_not_start(params string[] arguments)
    {
        var result = await ChildProcess.RunAsync(
            ChildProgram.Path, arguments, HostFixture.Deadline, new Dictionary<string, string?> { [ChildProgram.DisableTelemetry] = null });
        Assert.Equal(2, result.Code);
        Assert.Contains("which sets ORT_DISABLE_TELEMETRY=1", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "ended with exit code 0")]
    [InlineData(2, "ended with exit code 2")]
    [InlineData(139, "was killed by SIGSEGV")]
    [InlineData(134, "was killed by SIGABRT")]
    [InlineData(132, "was killed by SIGILL")]
    [InlineData(168, "was killed by signal 40")]
    [InlineData(255, "ended with exit code 255")]
    public void End_is_named(int code, string sentence) => Assert.Equal(sentence, new ChildExit(code).ToString());

    [Fact]
    public async Task Line_past_its_maximum_ends_the_conversation()
    {
        using var stream = new MemoryStream([.. "one\ntwo\n"u8, .. new byte[100]]);
        var lines = new List<string>();
        await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var line in JsonLines.ReadAsync(stream, 50, CancellationToken.None))
                lines.Add(System.Text.Encoding.UTF8.GetString(line.Span));
        });
        Assert.Equal(["one", "two"], lines);
    }

    private static ChildProcess Shell(string script)
        => ChildProcess.Start("bash", ["-c", script], new Dictionary<string, string?> { [ChildProgram.DisableTelemetry] = "1" });

    private static int NumberIn(string line) => int.Parse(line.Split('=')[1], CultureInfo.InvariantCulture);

    private string Request(string model, long? maximumMemoryBytes = null)
    {
        var set = _folder["set.npz"];
        using (var file = File.Create(set)) NpzArchive.Write(file, [new("x", NpyArray.Of(new float[6], 2, 3))]);
        return JsonSerializer.Serialize(
            new ValidationRequest(model, set, new RuntimeSettings(), [], maximumMemoryBytes), FleetJson.Default.ValidationRequest);
    }
}
