using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Messaging;
using Fleet.Server.Releases;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests;

/// <summary>
/// The true server in this process, on a folder and ports of its own, with a clock the test moves. Devices are written into the
/// store instead of being enrolled, and what they say goes into the inbox as the broker would hand it over.
/// </summary>
internal sealed class TestFleet : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private WebApplication _server = null!;
    private string[] _settings = [];

    private TestFleet(DateTimeOffset now) => Clock = new FakeTimeProvider(now);

    public FakeTimeProvider Clock { get; }

    /// <summary>Lets much time pass: what runs daily runs once at its end, instead of every timer of all those days.</summary>
    public void Later(TimeSpan by)
    {
        var day = TimeSpan.FromDays(1);
        Clock.AdjustTime(Clock.GetUtcNow() + by - day);
        Clock.Advance(day);
    }

    public IFleetStore Store => Of<IFleetStore>();

    public RolloutOrders Orders => Of<RolloutOrders>();

    public BuildQueue Queue => Of<BuildQueue>();

    public string Folder => _folder.Path;

    /// <summary>The operators' API, with the operator's key.</summary>
    public HttpClient Http { get; private set; } = null!;

    public static async Task<TestFleet> StartAsync(params string[] settings)
    {
        // TLS judges certificates by the machine's clock, so the test's clock begins there.
        var fleet = new TestFleet(DateTimeOffset.UtcNow) { _settings = settings };
        await fleet.OpenAsync();
        return fleet;
    }

    public T Of<T>() where T : notnull => _server.Services.GetRequiredService<T>();

    /// <summary>Stops everything and starts again on the same folder, with other settings when some are given.</summary>
    public async Task RestartAsync(string[]? settings = null)
    {
        _settings = settings ?? _settings;
        await CloseAsync();
        await OpenAsync();
    }

    /// <summary>Lets another process have the folder, and takes it back with the clock of the machine.</summary>
    public async Task LendAsync(Func<Task> use)
    {
        await CloseAsync();
        try
        {
            await use();
        }
        finally
        {
            Clock.SetUtcNow(DateTimeOffset.UtcNow);
            await OpenAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder.Dispose();
    }

    public async Task EnrollAsync(
        int count, string? profile = "x64", string prefix = "dev", IReadOnlyDictionary<string, string>? labels = null)
    {
        foreach (var part in Enumerable.Range(0, count).Chunk(1000))
        {
            await Store.CommitAsync(
                [.. part.Select(i => DeviceId.Parse($"{prefix}-{i:00000}")).Select(id => StoreChange.Create(id.Value, new Device
            {
                Id = id,
                Facts = profile == "jetson"
                    ? new DeviceFacts { Architecture = "arm64", Accelerators = ["nvidia-tegra"] }
                    : new DeviceFacts { Architecture = "x64" },
                Profile = profile,
                Labels = labels ?? new Dictionary<string, string>(),
                EnrolledAt = Clock.GetUtcNow(),
                Token = "t",
            }))], default);
        }
    }

    /// <summary>A client of the devices' port, with a certificate of the fleet's authority.</summary>
    /// <param name="device">The device the certificate names; null for a client without one.</param>
    /// <param name="authority">Who issues it; the fleet's own when null.</param>
    public HttpClient ClientOf(string? device, CertificateAuthority? authority = null)
    {
        // Owned by the client it is returned in.
        var handler = new SocketsHttpHandler
        {
            Expect100ContinueTimeout = TimeSpan.FromMinutes(1),
            ConnectCallback = NarrowConnection.OpenAsync,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
        if (device is not null)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var certificate = X509Certificate2.CreateFromPem(
                (authority ?? Of<CertificateAuthority>())
                    .IssueDevice(DeviceId.Parse(device), new PublicKey(key), TimeSpan.FromDays(1)).Pem);
            handler.SslOptions.ClientCertificates = [certificate.CopyWithPrivateKey(key)];
        }
        return new HttpClient(handler) { BaseAddress = new Uri(Of<ListenAddresses>().Devices) };
    }

    public Task RevokeAsync(DeviceId device)
        => Store.UpdateAsync<Device>(device.Value, found => found with { RevokedAt = Clock.GetUtcNow() }, default);

    /// <summary>A build that a worker leased, uploaded and completed.</summary>
    public Task<string> BuildAsync(string model = "speech", params VariantReport[] variants) => BuildAsync(SpecOf(model), variants);

    /// <summary>The same of a spec.</summary>
    public async Task<string> BuildAsync(BuildSpec spec, params VariantReport[] variants)
    {
        var build = (await Queue.SubmitAsync(spec, default)).Value!;
        var lease = (await Queue.LeaseAsync("tester", "workers", default))!;
        Expect(lease.BuildId == build.Id, $"build {lease.BuildId} was leased");
        var answer = await Queue.CompleteAsync(
            build.Id, new CompleteRequest(lease.LeaseId, await ReportAsync(spec.Model, variants) with { Spec = spec }, "<p>report</p>"),
            default);
        Expect(answer.Problem is null, answer.Problem?.Title);
        return build.Id;
    }

    /// <summary>The next release of a model, for x64.</summary>
    public Task<Release> ReleaseAsync(string model = "speech", TimeSpan? validFor = null) => ReleaseAsync(SpecOf(model), validFor);

    /// <summary>The same of a spec.</summary>
    public async Task<Release> ReleaseAsync(BuildSpec spec, TimeSpan? validFor = null)
        => (await Of<Publisher>()
            .PublishAsync(new CreateReleaseRequest(await BuildAsync(spec, await VariantAsync("x64-int8", "x64")), validFor),
                default)).Value!;

    public async Task<VariantReport> VariantAsync(string id, string profile, bool accepted = true) => new()
    {
        Id = id,
        Profile = profile,
        Scheme = "int8-static-u8s8",
        Artifact = await ArtifactAsync($"{id}.onnx", 2000),
        Scores = new Scores { Accuracy = 0.95, Samples = 100 },
        Accepted = accepted,
        Reasons = accepted ? [] : ["Accuracy dropped by 0.03; 0.01 is allowed."],
    };

    public async Task<ArtifactReference> ArtifactAsync(string name, int bytes)
    {
        var content = RandomNumberGenerator.GetBytes(bytes);
        return new ArtifactReference(name, await Of<ArtifactStore>().StoreAsync(content, default), bytes);
    }

    public async Task<BuildReport> ReportAsync(string model, params VariantReport[] variants) => new()
    {
        Spec = SpecOf(model),
        StartedAt = Clock.GetUtcNow(),
        Duration = TimeSpan.FromSeconds(3),
        MeasuredOn = "a processor",
        DataSha256 = new string('0', 64),
        Samples = new SampleCounts(800, 100, 100),
        Classes = ["yes", "no"],
        Teacher = new NetworkReport
        {
            Description = "conv1d 64",
            Parameters = 100_000,
            Bytes = 400_000,
            Scores = new Scores { Accuracy = 0.97 },
        },
        Student = new NetworkReport
        {
            Description = "conv1d 16",
            Parameters = 5_000,
            Bytes = 20_000,
            Scores = new Scores { Accuracy = 0.96 },
        },
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 2])],
        ValidationSet = await ArtifactAsync("validation.npz", 5000),
        Variants = variants,
    };

    public static BuildSpec SpecOf(string model) => new()
    {
        Model = model,
        Data = new DataSpec { Kind = "vibration", Samples = 1000 },
        Teacher = new TeacherSpec { Family = "conv1d" },
        Student = new StudentSpec { Family = "conv1d" },
    };

    public static RolloutPlan PlanOf(Release release, string waves = "100%", string filter = "") => new()
    {
        Model = release.Model,
        Version = release.Version,
        Filter = filter,
        Waves = [
            .. waves.Split(' ').Select(
                wave => new WavePlan { Percent = double.Parse(wave.TrimEnd('%'), System.Globalization.CultureInfo.InvariantCulture) }),
        ],
    };

    public async Task<Rollout> RollOutAsync(RolloutPlan plan)
    {
        var answer = await Orders.StartAsync(plan, "tester", default);
        Expect(answer.Problem is null, $"{answer.Problem?.Title} {string.Join(' ', answer.Problem?.Problems ?? [])}");
        return answer.Value!;
    }

    public async Task<RolloutView> ViewAsync(string rollout) => (await Store.RolloutViewAsync(rollout, default))!;

    /// <summary>Awaits that a rollout is as described.</summary>
    public Task<RolloutView> UntilAsync(string rollout, string what, Predicate<RolloutView> holds) => Eventually.ValueAsync(
        $"rollout {rollout} {what}", async () => await ViewAsync(rollout) is var view && holds(view) ? view : null);

    /// <summary>Devices that were told and have not finished.</summary>
    public async Task<IReadOnlyList<DeviceId>> RunningAsync(string rollout)
        => [
            .. (await ViewAsync(rollout)).Devices.Where(device => device.Status == DeviceRolloutStatus.Running)
                .Select(device => device.Device),
        ];

    public async Task<DeviceDesired> DesiredAsync(DeviceId device) => (await Store.DesiredAsync(device, default)).Desired;

    /// <summary>Reports that the device reached a phase of what it should run.</summary>
    public async Task ReportAsync(
        DeviceId device, DeploymentPhase phase, DeploymentFailure failure = DeploymentFailure.None, string model = "speech",
        int? version = null, long? revision = null)
    {
        var desired = await DesiredAsync(device);
        var said = await ModelAsync(model, version ?? desired.Of(model)!.Version, phase);
        await ReportAsync(device, new ReportedState
        {
            Revision = revision ?? desired.Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [said with { Failure = failure }],
        });
    }

    /// <summary>What a device of x64 says of a release in a phase, as if its variant had measured just what the gate asks for.</summary>
    public async Task<ReportedModel> ModelAsync(string model, int version, DeploymentPhase phase)
    {
        var release = await Store.FindAsync<Release>(Release.IdOf(model, version), default);
        var variant = release?.Document.ReadManifest().Variants.First(one => one.Profile == "x64");
        return new ReportedModel
        {
            Model = model,
            Version = version,
            Phase = phase,
            Since = Clock.GetUtcNow(),
            Variant = variant?.Id,
            Measured = variant is null ? null : Passing(variant.Gate),
            ActiveVersion = phase == DeploymentPhase.Active ? version : null,
            ActiveVariant = phase == DeploymentPhase.Active ? variant?.Id : null,
        };
    }

    /// <summary>Figures that just pass a gate.</summary>
    public static Scores Passing(ValidationGate gate) => new()
    {
        Samples = 100,
        Metrics =
        [
            .. gate.Thresholds.Select(threshold => Metric.All.GetValueOrDefault(threshold.Metric) is { } known
                ? MetricValue.Of(known, threshold.Minimum ?? threshold.Maximum ?? 0, threshold.Unit)
                : new MetricValue(threshold.Metric, threshold.Minimum ?? threshold.Maximum ?? 0,
                    threshold.Unit ?? "", MetricDirection.Higher)),
        ],
    };

    public async Task ReportAsync(DeviceId device, ReportedState state)
    {
        var inbox = _server.Services.GetServices<IDeviceMessageHandler>().Single(handler => handler.Channel == Topics.Reported);
        var refused = await inbox.HandleAsync(device, JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.ReportedState), default);
        Expect(refused is null, refused?.Reason);
    }

    /// <summary>The device connects and says what it serves: nothing, or a release of the model; null for what it should serve.</summary>
    public async Task AppearAsync(DeviceId device, int? serves = null, string model = "speech")
        => await ReportAsync(device, new ReportedState
        {
            Revision = (await DesiredAsync(device)).Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = serves is { } version ? [await ModelAsync(model, version, DeploymentPhase.Active)] : [],
        });

    /// <summary>The device could not serve what it should, and serves what it served before.</summary>
    public async Task FailAsync(
        DeviceId device, int? serves, DeploymentFailure failure = DeploymentFailure.GateMissed, string model = "speech")
    {
        var desired = await DesiredAsync(device);
        await ReportAsync(device, new ReportedState
        {
            Revision = desired.Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [Reported(model, desired.Of(model)!.Version, DeploymentPhase.RolledBack, serves) with { Failure = failure }],
        });
    }

    /// <summary>Every device that was told serves what it was told, and the rollout succeeds.</summary>
    public async Task SucceedAsync(string rollout)
    {
        await FinishAsync(rollout);
        await UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    /// <summary>What the device should serve: the version, and whether it goes back on purpose.</summary>
    public async Task<(int Version, bool Rollback)?> ToldAsync(DeviceId device, string model = "speech")
        => (await DesiredAsync(device)).Of(model) is { } release ? (release.Version, release.Rollback) : null;

    /// <summary>Awaits that the device should serve a release.</summary>
    public Task UntilToldAsync(DeviceId device, int? version, string model = "speech") => Eventually.TrueAsync(
        $"device {device} is told {version}", async () => (await ToldAsync(device, model))?.Version == version);

    private ReportedModel Reported(string model, int version, DeploymentPhase phase, int? active) => new()
    {
        Model = model,
        Version = version,
        Phase = phase,
        Since = Clock.GetUtcNow(),
        ActiveVersion = active,
    };

    public async Task FinishAsync(string rollout, DeploymentPhase phase = DeploymentPhase.Active)
    {
        foreach (var device in await RunningAsync(rollout))
            await ReportAsync(device, phase, phase == DeploymentPhase.RolledBack ? DeploymentFailure.GateMissed : DeploymentFailure.None);
    }

    // The benchmarks run this fleet too, and are no tests.
    private static void Expect(bool holds, string? otherwise)
    {
        if (!holds) throw new InvalidOperationException($"A fleet of the tests is not as it should be: {otherwise}");
    }

    private async Task OpenAsync()
    {
        _server = await Program.CreateAsync(
            [
                $"--Fleet:DataFolder={_folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0",
                "--Fleet:Workers=0", "--Logging:LogLevel:Default=None", .. _settings,
            ],
            services => services.AddSingleton<TimeProvider>(Clock));
        await _server.StartAsync();
        Http = new HttpClient { BaseAddress = new Uri(Of<ListenAddresses>().Api) };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(_folder["keys", "operator.key"])).Trim());
    }

    private async Task CloseAsync()
    {
        Http.Dispose();
        await _server.StopAsync();
        await _server.DisposeAsync();
    }
}
