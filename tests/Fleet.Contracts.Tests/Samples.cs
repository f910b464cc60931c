using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

/// <summary>One valid value of each message, which tests then break in one place.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    public static readonly DeviceFacts X64Facts = new()
    {
        Architecture = "x64",
        IsaFlags = ["avx2", "avx512_vnni"],
        Processor = "AMD EPYC",
        LogicalCpus = 2,
        MemoryBytes = 8L << 30,
        ExecutionProviders = ["CPUExecutionProvider"],
        OperatingSystem = "Debian GNU/Linux 12 (bookworm)",
        AgentVersion = "0.1.0",
    };

    public static readonly Scores Measured = new()
    {
        Accuracy = 0.979,
        Agreement = 0.995,
        Latency = new LatencySummary(TimeSpan.FromMicroseconds(410), TimeSpan.FromMicroseconds(520), TimeSpan.FromMicroseconds(690)),
        PeakMemoryBytes = 61_341_696,
        Samples = 500,
    };

    public static ReleaseManifest Manifest() => new()
    {
        Model = "vibration",
        Version = 3,
        CreatedAt = Now.AddDays(-1),
        ExpiresAt = Now.AddDays(365),
        Build = "20261122-1",
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 6])],
        Classes = ["healthy", "imbalance", "misalignment", "inner-race", "outer-race", "ball"],
        ValidationSet = new ArtifactReference("validation.npz", new string('a', 64), 1_843_210),
        Variants =
        [
            new Variant
            {
                Id = "x64-int8",
                Profile = "x64",
                Scheme = "int8-static-u8s8",
                Artifact = new ArtifactReference("x64-int8.onnx", new string('b', 64), 21_733),
                Runtime = BuiltInProfiles.X64.Runtime,
                Expected = Measured,
                Gate = new ValidationGate { MinimumAccuracy = 0.959, MaximumLatencyP95 = TimeSpan.FromMilliseconds(20) },
            },
        ],
    };

    public static DsseEnvelope Sign(ReleaseManifest manifest, ECDsa key) => DsseEnvelope.Sign(
        DsseEnvelope.InToto, JsonSerializer.SerializeToUtf8Bytes(ReleaseStatement.About(manifest), FleetJson.Default.ReleaseStatement),
        key);

    public static DesiredState Desired(DsseEnvelope release) => new()
    {
        Revision = 7,
        Assignments = [new Assignment { Model = "vibration", Version = 3, Release = release }],
    };

    public static ReportedState Reported() => new()
    {
        Revision = 7,
        Facts = X64Facts,
        Models =
        [
            new ReportedModel
            {
                Model = "vibration",
                Version = 3,
                Phase = DeploymentPhase.RolledBack,
                Since = Now,
                Failure = DeploymentFailure.GateMissed,
                Detail = "Accuracy 0.931 is below the required 0.959.",
                Variant = "x64-int8",
                Measured = Measured with { Accuracy = 0.931 },
                ActiveVersion = 2,
                ActiveVariant = "x64-int8",
                PreviousVersion = 1,
            },
        ],
    };

    public static TelemetryBatch Batch() => new()
    {
        Sequence = 118,
        From = Now,
        To = Now.AddSeconds(10),
        Models =
        [
            new InferenceStats
            {
                Model = "vibration",
                Version = 2,
                Variant = "x64-int8",
                Count = 40,
                Errors = 1,
                Latency = new LatencyHistogram { Buckets = [89, 92, 101], Counts = [31, 8, 1] },
                Classes = [33, 0, 0, 6, 1, 0],
                Confidence = [0, 0, 0, 0, 1, 0, 2, 3, 4, 30],
            },
        ],
        Resources = new ResourceStats
        {
            CpuUsage = 0.12,
            MemoryUsedBytes = 2_147_483_648,
            AgentMemoryBytes = 94_371_840,
            TemperatureCelsius = 51.5,
            DiskFreeBytes = 12_884_901_888,
        },
    };

    public static BuildSpec Spec() => new()
    {
        Model = "vibration",
        Data = new DataSpec { Kind = "vibration", Samples = 6000 },
        Teacher = new TeacherSpec { Family = "conv1d" },
        Student = new StudentSpec { Family = "conv1d" },
    };

    public static RolloutPlan Plan() => new()
    {
        Model = "vibration",
        Version = 3,
        Filter = "profile=x64,label.site=berlin",
        Waves = [new WavePlan { Percent = 5 }, new WavePlan { Percent = 25 }, new WavePlan { Percent = 100 }],
        SoakTime = TimeSpan.FromHours(1),
    };
}
