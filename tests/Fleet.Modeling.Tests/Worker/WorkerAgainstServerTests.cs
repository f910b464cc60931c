using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Tasks;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Worker;

/// <summary>The worker program against the server program, both as processes, over HTTP.</summary>
public sealed class WorkerAgainstServerTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    private static readonly TrainingSpec Short = new() { Epochs = 4, BatchSize = 32, Augment = false };

    private static readonly BuildSpec Quick = new()
    {
        Model = "vibration",
        Data = new DataSpec { Kind = "vibration", Samples = 600 },
        Teacher = new TeacherSpec { Family = "conv1d", Width = 4, Training = Short },
        Student = new StudentSpec { Family = "conv1d", Width = 4 },
        Distillation = new DistillationSpec { Training = Short, FineTuneEpochs = 0, CompareWithLabels = false },
        Quantization = new QuantizationSpec { Profiles = ["x64"], CalibrationSamples = 16, MaximumDrop = 1 },
    };

    private static readonly BuildSpec Endless = Quick with
    {
        Teacher = Quick.Teacher! with { Training = Short with { Epochs = 10_000 } },
    };

    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _http = new();
    private ChildProcess? _server;

    public async ValueTask InitializeAsync() => await StartServerAsync(0);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        _http.Dispose();
        _folder.Dispose();
    }

    private async Task<string> StartServerAsync(int port)
    {
        _server = ChildProcess.Start(Programs.Server,
        [
            $"--Fleet:DataFolder={_folder["server"]}", $"--Fleet:ApiPort={port}", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0",
            "--Fleet:Workers=0", "--Fleet:Builds:LeaseTime=00:00:06",
        ]);
        await Eventually.TrueAsync(
            "the server wrote endpoints.json", () => File.Exists(_folder["server", "endpoints.json"]) || _server.HasExited, Deadline);
        Assert.False(_server.HasExited, _server.Output);
        using var endpoints = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["server", "endpoints.json"]));
        var api = endpoints.RootElement.GetProperty("api").GetString()!;
        if (_http.BaseAddress is null)
        {
            _http.BaseAddress = new Uri(api);
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Bearer", (await File.ReadAllTextAsync(_folder["server", "keys", "operator.key"])).Trim());
        }
        return api;
    }

    private ChildProcess StartWorker(string name, string? keyFile = null) => ChildProcess.Start(Programs.Modeling,
        [
            "worker", "--server", _http.BaseAddress!.ToString(), "--key-file", keyFile ?? _folder["server", "keys", "worker.key"], "--data",
            _folder[name], "--name", name,
        ]);

    private async Task<string> SubmitAsync(BuildSpec spec)
    {
        using var response = await _http.PostAsJsonAsync("/api/v1/builds", spec, FleetJson.Default.BuildSpec);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync(FleetJson.Default.BuildView))!.Id;
    }

    private Task<BuildView> WaitAsync(string build, string what, Func<BuildView, bool> holds)
        => Eventually.ValueAsync($"build {build} {what}",
            async () => await _http.GetFromJsonAsync($"/api/v1/builds/{build}", FleetJson.Default.BuildView) is { } view && holds(view)
                ? view
                : null, Deadline);

    private string[] Left(string worker) => Directory.GetFileSystemEntries(_folder[worker, "builds"]);

    [Fact]
    public async Task Build_is_leased_built_and_handed_over_and_leaves_nothing_behind()
    {
        var build = await SubmitAsync(Quick);
        await using var worker = StartWorker("one");
        var view = await WaitAsync(build, "ends", view => view.FinishedAt is not null);
        Assert.True(view.Status == BuildStatus.Succeeded, view.Failure + "\n" + worker.Output);
        var report = (await _http.GetFromJsonAsync($"/api/v1/builds/{build}/report", FleetJson.Default.BuildReport))!;
        Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync($"/builds/{build}/report.html")).StatusCode);
        Assert.Equal(report.Variants[0].Artifact!.Bytes,
            new FileInfo(Directory.GetFiles(
                _folder["server", "artifacts"], report.Variants[0].Artifact!.Sha256, SearchOption.AllDirectories).Single()).Length);
        await Eventually.TrueAsync("the worker removed the build's folder", () => Left("one").Length == 0);

        worker.Terminate();
        Assert.Equal(0, await worker.WaitForExitAsync(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Model_of_ones_own_is_built_and_can_be_released(bool labelled)
    {
        using var files = new ScratchFolder();
        var build = await SubmitAsync(SourceBuildTests.Spec(files, labelled));
        await using var worker = StartWorker("one");
        var view = await WaitAsync(build, "ends", view => view.FinishedAt is not null);
        Assert.True(view.Status == BuildStatus.Succeeded, view.Failure + "\n" + worker.Output);
        using var response = await _http.PostAsJsonAsync(
            "/api/v1/releases", new CreateReleaseRequest(build), FleetJson.Default.CreateReleaseRequest);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        var manifest = (await response.Content.ReadFromJsonAsync(FleetJson.Default.ReleaseView))!.Manifest;
        Assert.Equal(["jetson", "x64"], manifest.Variants.Select(variant => variant.Profile).Distinct().Order());
        // Without labels a device holds the variant to what the float model decides.
        var gated = labelled ? Metric.Accuracy : Metric.Agreement;
        Assert.All(manifest.Variants, variant => Assert.InRange(variant.Gate.Of(gated)!.Minimum!.Value, 0.8, 1));
        Assert.Equal(["x"], manifest.Inputs.Select(input => input.Name));
        var models = (await _http.GetFromJsonAsync("/api/v1/models", FleetJson.Default.IReadOnlyListModelView))!;
        Assert.Equal("model.onnx", Path.GetFileName(models.Single().Versions.Single().Student));
    }

    [Fact]
    public async Task Build_that_cannot_be_made_fails_with_the_sentence_and_the_worker_goes_on()
    {
        var broken = await SubmitAsync(Quick with { Data = new DataSpec { Kind = "npz", Train = _folder["nowhere.npz"] } });
        await using var worker = StartWorker("one");
        var view = await WaitAsync(broken, "ends", view => view.FinishedAt is not null);
        Assert.Equal(BuildStatus.Failed, view.Status);
        Assert.Equal(
            $"data.train: {_folder["nowhere.npz"]} does not exist on the machine of worker one, {Environment.MachineName}.", view.Failure);
        var next = await SubmitAsync(Quick);
        Assert.Equal(BuildStatus.Succeeded, (await WaitAsync(next, "ends", view => view.FinishedAt is not null)).Status);
    }

    [Fact]
    public async Task Cancelled_build_stops_on_the_worker_which_takes_the_next()
    {
        var endless = await SubmitAsync(Endless);
        await using var worker = StartWorker("one");
        await WaitAsync(endless, "runs", view => view.Progress?.Step.StartsWith("Training", StringComparison.Ordinal) == true);
        using var cancelled = await _http.PostAsync($"/api/v1/builds/{endless}/cancel", null);
        Assert.True(cancelled.IsSuccessStatusCode);
        await worker.WaitForLineAsync("is given up", Deadline);
        Assert.Equal(BuildStatus.Succeeded,
            (await WaitAsync(await SubmitAsync(Quick), "ends", view => view.FinishedAt is not null)).Status);
        await Eventually.TrueAsync("the worker removed both folders", () => Left("one").Length == 0);
    }

    [Fact]
    public async Task Build_of_a_killed_worker_is_finished_by_another()
    {
        var slow = Quick with { Teacher = Quick.Teacher! with { Training = Short with { Epochs = 60, BatchSize = 128 } } };
        var build = await SubmitAsync(slow);
        await using (var first = StartWorker("first"))
        {
            await WaitAsync(build, "runs", view => view.Progress?.Step.StartsWith("Training", StringComparison.Ordinal) == true);
            first.Kill();
            await first.WaitForExitAsync(Deadline);
        }
        await using var second = StartWorker("second");
        var view = await WaitAsync(build, "ends", view => view.FinishedAt is not null);
        Assert.True(view.Status == BuildStatus.Succeeded, $"{view.Failure}\n{second.Output}\n{_server!.Output}");
        Assert.Equal((2, "second"), (view.Attempts, view.Worker));
    }

    [Fact]
    public async Task Worker_waits_for_a_server_that_is_away_and_finishes_what_it_had()
    {
        var slow = Quick with { Teacher = Quick.Teacher! with { Training = Short with { Epochs = 60, BatchSize = 128 } } };
        var build = await SubmitAsync(slow);
        await using var worker = StartWorker("one");
        await WaitAsync(build, "runs", view => view.Progress?.Step.StartsWith("Training", StringComparison.Ordinal) == true);
        _server!.Kill();
        await _server.WaitForExitAsync(Deadline);
        await _server.DisposeAsync();
        await worker.WaitForLineAsync("could not be sent, the build goes on", Deadline);
        File.Delete(_folder["server", "endpoints.json"]);
        await StartServerAsync(_http.BaseAddress!.Port);
        var view = await WaitAsync(build, "ends", view => view.FinishedAt is not null);
        Assert.Equal((BuildStatus.Succeeded, 1), (view.Status, view.Attempts));
    }

    [Fact]
    public async Task Sigterm_in_the_middle_of_training_ends_the_worker_cleanly()
    {
        var endless = await SubmitAsync(Endless);
        await using var worker = StartWorker("one");
        await WaitAsync(endless, "runs", view => view.Progress?.Step.StartsWith("Training", StringComparison.Ordinal) == true);
        worker.Terminate();
        Assert.Equal(0, await worker.WaitForExitAsync(TimeSpan.FromSeconds(30)));
        // What the build came to stays, for the lease that follows.
        Assert.True(Directory.Exists(Path.Combine(Assert.Single(Left("one")), "unfinished")));
        Assert.Contains("stopped", worker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Second_interrupt_ends_a_worker_in_the_middle_of_a_long_step()
    {
        // One step of it takes seconds, and a step is finished before the worker ends in order.
        var heavy = Endless with
        {
            Teacher = Endless.Teacher! with { Width = 64, Training = Short with { Epochs = 10_000, BatchSize = 512 } },
        };
        var build = await SubmitAsync(heavy);
        await using var worker = StartWorker("one");
        await WaitAsync(build, "runs", view => view.Progress?.Step.StartsWith("Training", StringComparison.Ordinal) == true);
        // Again and again: two that follow each other closely are one to the kernel.
        await Eventually.TrueAsync(
            "the worker ends", () => worker.HasExited || !ProcessSignals.Send(worker.Id, ProcessSignal.Interrupt), Deadline);
        Assert.Equal(StopSignals.ExitCode, await worker.WaitForExitAsync(Deadline));
        Assert.DoesNotContain("stopped", worker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Worker_with_a_wrong_key_ends_with_the_reason_and_without_the_key()
    {
        File.WriteAllText(_folder["wrong.key"], "not-the-key-of-this-server\n");
        await using var worker = StartWorker("one", _folder["wrong.key"]);
        Assert.Equal(1, await worker.WaitForExitAsync(Deadline));
        Assert.Contains("Check --server and --key-file", worker.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("not-the-key", worker.Output, StringComparison.Ordinal);
    }
}
