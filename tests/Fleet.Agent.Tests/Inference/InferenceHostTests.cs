using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Fleet.Agent.Inference;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Inference;

/// <summary>The agent's side: the process is started, fed, watched, started again and ended.</summary>
public sealed class InferenceHostTests
{
    private const string OneRow = """{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}""";
    private const int Abort = 6, Killed = 9, SegmentationFault = 11, Stop = 19;

    private static readonly InferenceOptions Quick = new()
    {
        HeartBeat = TimeSpan.FromMilliseconds(100),
        RestartDelay = TimeSpan.FromMilliseconds(10),
        MaximumRestartDelay = TimeSpan.FromMilliseconds(50),
    };

    [Fact]
    public async Task Swap_under_load_drops_no_request_and_mixes_no_versions()
    {
        await using var fixture = new HostFixture();
        string[] files = [TestModels.Scale(fixture.Folder, 1), TestModels.Scale(fixture.Folder, 2)];
        await fixture.ActivateAsync(files[0], version: 1);

        using var done = new CancellationTokenSource();
        var newest = 0;
        var clients = Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
        {
            var seen = new List<int>();
            while (!done.IsCancellationRequested)
            {
                var (status, body) = await fixture.InferAsync(OneRow);
                Assert.True(status == 200, body.ToJsonString());
                var version = int.Parse((string)body["model_version"]!, System.Globalization.CultureInfo.InvariantCulture);
                // Odd versions multiply by one, even ones by two: the answer must come from the version that signs it.
                Assert.Equal(version % 2 == 1 ? 3 : 6, (int)body["outputs"]![0]!["data"]![2]!);
                seen.Add(version);
                Volatile.Write(ref newest, version);
            }
            return seen;
        })).ToArray();
        for (var version = 2; version <= 10; version++)
        {
            await fixture.ActivateAsync(files[(version + 1) % 2], version);
            await Eventually.TrueAsync(
                $"version {version} answers", () => Volatile.Read(ref newest) == version || clients.Any(client => client.IsCompleted));
        }
        await done.CancelAsync();
        var seen = (await Task.WhenAll(clients)).SelectMany(versions => versions).ToList();

        Assert.True(seen.Distinct().Count() >= 9,
            $"Only versions {string.Join(',', seen.Distinct())} answered: this was not a swap under load.");
        var drained = await fixture.Host.DrainAsync(CancellationToken.None);
        Assert.Equal(seen.Count, drained.Sum(statistics => statistics.Count));
        Assert.Equal(0, drained.Sum(statistics => statistics.Errors));
        Assert.Equal(seen.GroupBy(version => version).ToDictionary(group => group.Key, group => (long)group.Count()),
            drained.ToDictionary(statistics => statistics.Version, statistics => statistics.Count));
    }

    [Fact]
    public async Task Request_in_flight_finishes_on_the_variant_it_began_with()
    {
        await using var fixture = new HostFixture();
        await fixture.ActivateAsync(TestModels.Slow(fixture.Folder, 500), version: 1);
        using var process = Process.GetProcessById(fixture.Host.ProcessId!.Value);
        var before = process.TotalProcessorTime;
        var slow = fixture.InferAsync(OneRow);
        await Eventually.TrueAsync("the host computes", () =>
        {
            process.Refresh();
            return process.TotalProcessorTime - before > TimeSpan.FromMilliseconds(100);
        });
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), version: 2);
        Assert.Equal("2", (string?)(await fixture.InferAsync(OneRow)).Body["model_version"]);
        Assert.False(slow.IsCompleted, "The slow model answered before the swap: nothing was in flight.");
        var (status, body) = await slow;
        Assert.Equal((200, "1"), (status, (string?)body["model_version"]));
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Variant_that_ONNX_Runtime_refuses_leaves_the_old_one_serving()
    {
        await using var fixture = new HostFixture();
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2));
        var refusal = await Assert.ThrowsAsync<ActivationException>(
            () => fixture.ActivateAsync(SharedData.PathOf("onnx-superres", "supres.onnx"), version: 2));
        Assert.Contains("ONNX Runtime refuses supres.onnx", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("1", (string?)(await fixture.InferAsync(OneRow)).Body["model_version"]);
    }

    [Theory]
    [InlineData("x", "FP32", new long[] { -1, 4 }, "The file's input is 'x' FP32 [-1,3], not FP32 [-1,4].")]
    [InlineData("x", "INT8", new long[] { -1, 3 }, "The file's input is 'x' FP32 [-1,3], not INT8 [-1,3].")]
    [InlineData("z", "FP32", new long[] { -1, 3 },
        "The file has no input 'z'; it has 'x' FP32 [-1,3]. The file asks for an input 'x' FP32 [-1,3], which the release does not name.")]
    public async Task Variant_that_is_not_what_its_release_describes_is_refused(string name, string datatype, long[] shape, string sentence)
    {
        await using var fixture = new HostFixture();
        var model = HostFixture.Model(TestModels.Scale(fixture.Folder, 2)) with { Inputs = [new TensorDescription(name, datatype, shape)] };
        Assert.EndsWith(sentence,
            (await Assert.ThrowsAsync<ActivationException>(() => fixture.Host.ActivateAsync([model], CancellationToken.None))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_file_is_refused_with_its_name()
    {
        await using var fixture = new HostFixture();
        Assert.Contains("nowhere.onnx",
            (await Assert.ThrowsAsync<ActivationException>(() => fixture.ActivateAsync("/nowhere.onnx"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statistics_hold_counts_errors_latency_classes_and_confidence_once()
    {
        await using var fixture = new HostFixture();
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), classes: ["low", "mid", "high"]);
        // Logits 0, 0, ln 4: probabilities 1/6, 1/6, 4/6. Probabilities as they are: 0.05, 0.9, 0.05.
        await fixture.InferAsync("""{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[0,0,1.3862944,0.05,0.91,0.04]}]}""");
        await fixture.InferAsync("""{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[0,0,1.3862944]}]}""");
        await fixture.InferAsync("{}");

        var statistics = Assert.Single(await fixture.Host.DrainAsync(CancellationToken.None));
        Assert.Equal(("m", 1, "x64-fp32", 2L, 1L),
            (statistics.Model, statistics.Version, statistics.Variant, statistics.Count, statistics.Errors));
        Assert.Equal([0, 1, 2], statistics.Classes);
        Assert.Equal([0, 0, 0, 0, 0, 0, 2, 0, 0, 1], statistics.Confidence);
        Assert.Equal(2, statistics.Latency.Total());
        Assert.True(statistics.Latency.Percentile(0.5) > TimeSpan.Zero);
        Assert.Empty(await fixture.Host.DrainAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Host_that_was_killed_comes_back_at_the_same_address_with_everything_it_served()
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), version: 3, model: "one");
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), version: 4, model: "two");
        var (address, process) = (fixture.Host.Address, fixture.Host.ProcessId!.Value);

        HostFixture.Signal(process, Killed);
        await Eventually.TrueAsync("the death is noticed", () => fixture.Host.ProcessId != process);
        await fixture.ServesAsync("one");
        await fixture.ServesAsync("two");
        Assert.Equal(address, fixture.Host.Address);
        Assert.Equal("4", (string?)(await fixture.InferAsync(OneRow, "two")).Body["model_version"]);
    }

    [Fact]
    public async Task Host_that_hangs_is_replaced()
    {
        await using var fixture = new HostFixture(Quick with { HeartBeatDeadline = TimeSpan.FromMilliseconds(500) });
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1));
        var hung = fixture.Host.ProcessId!.Value;
        HostFixture.Signal(hung, Stop);
        await Eventually.TrueAsync("the hung host is replaced", () => fixture.Host.ProcessId is { } now && now != hung);
        await fixture.ServesAsync();
    }

    [Theory]
    [InlineData(SegmentationFault, "SIGSEGV")]
    [InlineData(Abort, "SIGABRT")]
    public async Task Host_that_keeps_dying_is_told_with_the_signal(int signal, string name)
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), version: 9);
        var told = fixture.Host.DiesRepeatedlyAsync("m", CancellationToken.None);
        for (var death = 1; death <= Quick.DeathsToGiveUp; death++)
        {
            Assert.False(told.IsCompleted);
            var process = fixture.Host.ProcessId!.Value;
            await HostFixture.CrashAsync(process, signal);
            await Eventually.TrueAsync("the death is noticed", () => fixture.Host.ProcessId != process);
            await fixture.ServesAsync();
        }
        Assert.Equal($"The inference host died 3 times since m 9 x64-fp32 was activated; the last time it was killed by {name}.",
            await told.WaitAsync(HostFixture.Deadline));
    }

    [Fact]
    public async Task Host_that_dies_while_it_takes_a_variant_over_serves_the_old_one_again()
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), version: 1);
        var watched = fixture.Host.DiesRepeatedlyAsync("m", CancellationToken.None);
        var loading = fixture.ActivateAsync(TestModels.Slow(fixture.Folder, 4000, atLoad: true), version: 2);
        await fixture.InferAsync(OneRow);
        await HostFixture.CrashAsync(fixture.Host.ProcessId!.Value, SegmentationFault);
        Assert.Equal("The inference host was killed by SIGSEGV while it took m 2 x64-fp32 over.",
            (await Assert.ThrowsAsync<ActivationException>(() => loading)).Message);
        await fixture.ServesAsync();
        Assert.Equal("1", (string?)(await fixture.InferAsync(OneRow)).Body["model_version"]);
        Assert.False(watched.IsCompleted);
    }

    [Fact]
    public async Task Variant_that_loads_too_slowly_is_refused_and_the_old_one_serves_again()
    {
        await using var fixture = new HostFixture(Quick with { LoadDeadline = TimeSpan.FromSeconds(1.5) });
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), version: 1);
        var refusal = await Assert.ThrowsAsync<ActivationException>(
            () => fixture.ActivateAsync(TestModels.Slow(fixture.Folder, 4000, atLoad: true), version: 2));
        Assert.Equal("m 2 x64-fp32 did not load within 00:00:01.5000000.", refusal.Message);
        await fixture.ServesAsync();
        Assert.Equal("1", (string?)(await fixture.InferAsync(OneRow)).Body["model_version"]);
    }

    [Fact]
    public async Task Address_is_in_the_endpoints_file_while_the_host_listens_and_the_host_ends_with_its_last_model()
    {
        await using var fixture = new HostFixture();
        Assert.False(File.Exists(fixture.EndpointsFile));
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), model: "one");
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), model: "two");
        Assert.Equal(fixture.Host.Address, (string?)JsonNode.Parse(await File.ReadAllTextAsync(fixture.EndpointsFile))!["inference"]);

        await fixture.Host.RetireAsync("one", CancellationToken.None);
        Assert.Equal(404, (await fixture.InferAsync(OneRow, "one")).Status);
        Assert.Equal(200, (await fixture.InferAsync(OneRow, "two")).Status);
        await fixture.Host.RetireAsync("two", CancellationToken.None);
        await Eventually.TrueAsync("the host ends", () => fixture.Host.ProcessId is null);
        Assert.False(File.Exists(fixture.EndpointsFile));
    }

    [Fact]
    public async Task Model_that_follows_the_last_one_at_once_is_served()
    {
        await using var fixture = new HostFixture(Quick);
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 1), model: "one");
        await fixture.Host.RetireAsync("one", CancellationToken.None);
        Assert.Empty(await fixture.Host.DrainAsync(CancellationToken.None));
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2), model: "two");
        Assert.Equal(200, (await fixture.InferAsync(OneRow, "two")).Status);
    }

    [Fact]
    public async Task Port_that_is_taken_is_told_and_the_next_try_succeeds_when_it_is_free()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var fixture = new HostFixture(new InferenceOptions { Port = port });
        var model = TestModels.Scale(fixture.Folder, 2);
        var refusal = await Assert.ThrowsAsync<ActivationException>(() => fixture.ActivateAsync(model));
        Assert.StartsWith($"The inference host cannot listen on port {port} (", refusal.Message, StringComparison.Ordinal);
        other.Stop();
        await fixture.ActivateAsync(model);
        Assert.Equal($"http://127.0.0.1:{port}", fixture.Host.Address);
    }

    [Fact]
    public async Task Curl_gets_an_answer_by_port_and_by_socket()
    {
        using var folder = new TemporaryFolder();
        await using var fixture = new HostFixture(new InferenceOptions { Socket = folder["inference.sock"] });
        await fixture.ActivateAsync(TestModels.Scale(fixture.Folder, 2));
        const string Answer = """{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[1,3],"data":[2,4"""
            + """,6]}]}""";
        string[] arguments = ["--silent", "--show-error", "--fail", "--data", OneRow];
        var byPort = await ChildProcess.RunAsync("curl", [.. arguments, $"{fixture.Host.Address}/v2/models/m/infer"], HostFixture.Deadline);
        Assert.Equal(Answer, byPort.Output);
        var bySocket = await ChildProcess.RunAsync(
            "curl", [.. arguments, "--unix-socket", folder["inference.sock"], "http://device/v2/models/m/infer"], HostFixture.Deadline);
        Assert.Equal(Answer, bySocket.Output);
        Assert.Equal(UnixFileMode.None,
            File.GetUnixFileMode(folder["inference.sock"]) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite));
    }
}
