using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests.Fixtures;

/// <summary>
/// One server for all tests of this collection, and one real build made by a real worker that was killed once on the way. Further
/// releases name the artifacts of that build: the test then speaks to the server as a worker does, over its public API.
/// </summary>
public sealed partial class FleetFixture : IAsyncLifetime
{
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(4);
    private readonly TemporaryFolder _folder = new();
    private BuildReport? _report;

    internal RunningServer Server { get; private set; } = null!;

    /// <summary>The build as the server saw it end.</summary>
    internal BuildView Build { get; private set; } = null!;

    /// <summary>What the one real build measured, and the files it left.</summary>
    internal BuildReport Report => _report!;

    /// <summary>Where the killed worker was when it was killed.</summary>
    internal BuildView AtTheKill { get; private set; } = null!;

    /// <summary>Files of the server.</summary>
    internal string ServerData => _folder["server"];

    public async ValueTask InitializeAsync()
    {
        Server = new RunningServer(_folder["server"]);
        await Server.StartAsync();
        var build = await SubmitAsync(Spec("vibration"));
        await using (var first = StartWorker("worker-1"))
        {
            AtTheKill = await Eventually.ValueAsync(
                "the first worker was in the middle of the build",
                async () => await BuildAsync(build.Id) is { Status: BuildStatus.Running } running ? running : null,
                BuildLimit, () => first.Output);
            first.Kill();
        }
        await using var second = StartWorker("worker-2");
        Build = await Eventually.ValueAsync(
            "the second worker ended the build", async () => await BuildAsync(build.Id) is { FinishedAt: not null } ended ? ended : null,
            BuildLimit, () => second.Output);
        Assert.True(Build.Status == BuildStatus.Succeeded, $"{Build.Failure}\n{second.Output}");
        _report = await Server.GetAsync($"/api/v1/builds/{build.Id}/report", FleetJson.Default.BuildReport);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>
    /// One variant alone: of several, a device serves whichever it finds the fastest, and of a network this small that is chance.
    /// </summary>
    internal static QuantizationSpec OneVariant { get; } = new()
    {
        Profiles = ["x64"],
        Schemes = ["int8-static-u8s8"],
        Goal = "size",
        CalibrationSamples = 32,
    };

    /// <summary>A small build: what is judged here is the way, not the model.</summary>
    internal static BuildSpec Spec(string model, GateSpec? gate = null)
    {
        var training = new TrainingSpec { Epochs = 3, BatchSize = 32 };
        return new BuildSpec
        {
            Model = model,
            Data = new DataSpec { Kind = "vibration", Samples = 240 },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 4, Training = training },
            Student = new StudentSpec { Family = "conv1d", Width = 4 },
            Distillation = new DistillationSpec { Training = training, FineTuneEpochs = 0 },
            Quantization = OneVariant with { CalibrationSamples = 16, MaximumDrop = 1 },
            Gate = gate ?? new GateSpec { AccuracyTolerance = 1, ValidationSamples = 20 },
        };
    }

    internal async Task<BuildView> BuildAsync(string id) => await Server.GetAsync($"/api/v1/builds/{id}", FleetJson.Default.BuildView);

    /// <summary>A new release of a model, from the artifacts of the one real build.</summary>
    /// <param name="model">Model name.</param>
    /// <param name="gate">What devices must measure; null lets everything pass.</param>
    internal async Task<ReleaseManifest> ReleaseAsync(string model, GateSpec? gate = null)
    {
        var build = await SubmitAsync(Spec(model, gate));
        var key = (await File.ReadAllTextAsync(Server.WorkerKeyFile)).Trim();
        var lease = await Server.SendAsync(HttpMethod.Post, "/api/v1/worker/leases",
            Body(new LeaseRequest("test"), FleetJson.Default.LeaseRequest), FleetJson.Default.LeaseResponse, key);
        Assert.Equal(build.Id, lease.BuildId);
        var complete = new CompleteRequest(lease.LeaseId, _report! with { Spec = lease.Spec }, "<!doctype html><title>report</title>");
        await Server.SendAsync(HttpMethod.Post, $"/api/v1/worker/builds/{build.Id}/complete",
            Body(complete, FleetJson.Default.CompleteRequest), FleetJson.Default.BuildView, key);
        return (await Server.PostAsync("/api/v1/releases", new CreateReleaseRequest(build.Id, null), FleetJson.Default.CreateReleaseRequest,
            FleetJson.Default.ReleaseView)).Manifest;
    }

    /// <summary>A build by a real worker, and its release.</summary>
    internal async Task<BuildReport> BuiltAsync(BuildSpec spec)
    {
        var build = await SubmitAsync(spec);
        await using var worker = StartWorker($"worker-of-{build.Id}");
        var ended = await Eventually.ValueAsync(
            "the build ended", async () => await BuildAsync(build.Id) is { FinishedAt: not null } view ? view : null,
            BuildLimit, () => worker.Output);
        Assert.True(ended.Status == BuildStatus.Succeeded, $"{ended.Failure}\n{worker.Output}");
        await Server.PostAsync("/api/v1/releases", new CreateReleaseRequest(build.Id, null), FleetJson.Default.CreateReleaseRequest,
            FleetJson.Default.ReleaseView);
        return await Server.GetAsync($"/api/v1/builds/{build.Id}/report", FleetJson.Default.BuildReport);
    }

    /// <summary>Rolls a release out to the one device that carries the model's name as its label.</summary>
    /// <returns>How the rollout ended there.</returns>
    internal async Task<DeviceRolloutView> RolledOutAsync(string model, int version, RolloutStatus end)
    {
        var plan = new RolloutPlan
        {
            Model = model,
            Version = version,
            Filter = $"label.test={model}",
            Waves = [new WavePlan { Count = 1 }],
            MaximumFailureRate = 0,
        };
        // A device takes such a release once it has said which protocol it speaks.
        var rollout = await Eventually.ValueAsync("the device reported and took part", () => StartedAsync(plan));
        return Assert.Single((await Server.RolloutEndsAsync(rollout.Id, end)).Devices);
    }

    /// <summary>What the server knows of a model on a device once as many requests have arrived.</summary>
    internal Task<TelemetryView> TalliedAsync(string device, string model, int requests)
        => Eventually.ValueAsync("every request arrived", async () => (await Server.GetAsync(
            $"/api/v1/telemetry?device={device}&model={model}", FleetJson.Default.IReadOnlyListTelemetryView))
            .SingleOrDefault(view => view.Count == requests));

    /// <summary>A gate that every release misses on a device.</summary>
    internal static GateSpec Impossible { get; } = new() { AccuracyTolerance = 1, MaximumLatencyP95 = TimeSpan.FromTicks(1) };

    /// <summary>Runs <c>fleet</c> as the first operator.</summary>
    internal Task<ProcessResult> CliAsync(params string[] arguments) => ChildProcess.RunAsync(
        Programs.Cli, arguments, TimeSpan.FromMinutes(3),
        new Dictionary<string, string?> { ["FLEET_SERVER"] = Server.Api.ToString(), ["FLEET_KEY_FILE"] = Server.OperatorKeyFile });

    /// <summary>The id of a rollout, as <c>fleet</c> has said it.</summary>
    internal static string RolloutIn(string output) => RolloutId().Match(output).Value;

    [GeneratedRegex(@"\d{8}-\d{6}-\d{3}-[0-9a-z]{6}")]
    private static partial Regex RolloutId();

    /// <summary>What <c>fleet telemetry</c> tells a person of it.</summary>
    internal async Task<string> ToldAsync(string device, string model)
    {
        var told = await CliAsync("telemetry", "--device", device, "--model", model);
        Assert.True(told.Code == 0, told.Output);
        return told.Output;
    }

    /// <summary>Enrolls and starts devices that carry a label, by which a rollout finds them.</summary>
    internal async Task<RunningAgent> AgentAsync(string label, string id, Uri? server = null, string? program = null)
    {
        var token = await Server.TokenAsync(label, uses: 1);
        // An agent of before the fifth part of tokens is given the first four.
        if (program is not null) token = token[..token.LastIndexOf('.')];
        var agent = await RunningAgent.EnrollAsync(server ?? Server.Devices, token, id, program ?? Programs.Agent);
        agent.Start();
        await Eventually.TrueAsync(
            $"{id} was online", async () => (await Server.DeviceAsync(id)).Online, TimeSpan.FromSeconds(60), () => agent.Output);
        return agent;
    }

    private async Task<RolloutView?> StartedAsync(RolloutPlan plan)
    {
        using var body = JsonContent.Create(plan, FleetJson.Default.RolloutPlan);
        using var answer = await Server.SendAsync(HttpMethod.Post, "/api/v1/rollouts", body);
        return answer.StatusCode == HttpStatusCode.Conflict ? null : await answer.Content.ReadFromJsonAsync(FleetJson.Default.RolloutView);
    }

    internal Task<BuildView> SubmitAsync(BuildSpec spec)
        => Server.PostAsync("/api/v1/builds", spec, FleetJson.Default.BuildSpec, FleetJson.Default.BuildView);

    /// <summary>Starts a worker, which builds what is asked until it is disposed.</summary>
    internal ChildProcess StartWorker(string name) => ChildProcess.Start(
        Programs.Modeling, [
            "worker", "--server", Server.Api.ToString(), "--key-file", Server.WorkerKeyFile, "--data", _folder[name], "--name", name,
        ]);

    private static JsonContent Body<T>(T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        => JsonContent.Create(value, type);
}

/// <summary>The tests that share one fleet run one after the other: some of them kill its server.</summary>
[CollectionDefinition(nameof(OneFleet))]
public sealed class OneFleet : ICollectionFixture<FleetFixture>;
