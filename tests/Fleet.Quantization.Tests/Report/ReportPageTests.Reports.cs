using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Quantization.Tests.Report;

/// <summary>Reports that the pages are drawn from.</summary>
public sealed partial class ReportPageTests
{
    private static QuantizationReport Own(string model)
    {
        VariantReport Of(string id, string scheme, long bytes, double decibels, double? milliseconds, bool accepted = true) => new()
        {
            Id = id,
            Profile = id.StartsWith("arm", StringComparison.Ordinal) ? "arm-cpu" : "x64",
            Scheme = scheme,
            Techniques = scheme.StartsWith("int8-static", StringComparison.Ordinal) ? ["minmax calibration"] : [],
            Artifact = new ArtifactReference(id + ".onnx", new string('c', 64), bytes),
            Scores = new Scores
            {
                Agreement = 0.992,
                Latency = milliseconds is { } time ? Latency(time) : null,
                PeakMemoryBytes = milliseconds is null ? null : 74_200_000,
                Samples = 8,
            },
            Closeness = new Closeness(decibels, 1 - Math.Pow(10, -decibels / 10) / 2, 0.992),
            SpeedUp = 0.861 / milliseconds,
            Accepted = accepted,
            Chosen = id is "x64-int8" or "arm-cpu-int4",
            Dominated = id == "x64-int8-minmax",
            Layers = [new LayerReport { Layer = "dense", Operator = "Gemm", Fate = LayerFate.NotFused }],
            Reasons = accepted
                ? id is "x64-int8" or "arm-cpu-int4" ? [] : ["Not chosen: x64-int8 is faster (2.10 against 1.30 times the float model)."]
                : ["Signal to noise is 9.1 dB against the float model; at least 12.5 dB is required."],
        };
        return new QuantizationReport
        {
            Model = model,
            Sha256 = new string('d', 64),
            Bytes = 1_000_000,
            Parameters = 248_312,
            StartedAt = new DateTimeOffset(2026, 11, 25, 18, 40, 0, TimeSpan.Zero),
            Duration = TimeSpan.FromSeconds(21),
            MeasuredOn = "AMD EPYC, 2 logical processors",
            Calibration = new SampleSource("calibration.npz", 64),
            Validation = new SampleSource("held-out.npz", 8),
            Spec = new QuantizationSpec { Profiles = ["x64", "arm-cpu"], MinimumSignalToNoise = 12.5 },
            Original = new Scores { Agreement = 1, Latency = Latency(0.861), PeakMemoryBytes = 78_000_000, Samples = 8 },
            Variants =
            [
                Of("x64-int8", "int8-static-u8s8", 300_000, 31.4, 0.41),
                Of("x64-int8-minmax", "int8-static-u8s8", 310_000, 22.04, 0.42),
                Of("x64-int8-dynamic", "int8-dynamic", 640_000, 29.7, 0.662),
                Of("x64-int8-weights", "int8-weights", 305_000, 30.9, 0.858),
                Of("x64-int4", "int4-weights", 190_000, 18.3, 0.71),
                Of("x64-int4-rtn", "int4-weights", 188_000, 9.1, 0.7, accepted: false),
                Of("arm-cpu-int8", "int8-static-s8s8", 300_000, 30.8, null),
                Of("arm-cpu-int4", "int4-weights", 190_000, 18.3, null),
            ],
        };
    }

    private static BuildReport Report(string model) => new()
    {
        Spec = new BuildSpec
        {
            Model = model,
            Data = new DataSpec { Kind = "vibration", Samples = 6000 },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 64 },
            Student = new StudentSpec { Family = "conv1d", Width = 12 },
        },
        StartedAt = new DateTimeOffset(2026, 11, 23, 20, 15, 0, TimeSpan.Zero),
        Duration = TimeSpan.FromSeconds(143),
        MeasuredOn = "AMD EPYC, 2 logical processors",
        DataSha256 = new string('a', 64),
        Samples = new SampleCounts(4200, 600, 1200),
        Classes = ["healthy", "imbalance", "misalignment"],
        Teacher = new NetworkReport
        {
            Description = "conv1d, width 64",
            Parameters = 1_203_846,
            Bytes = 4_820_110,
            Scores = new Scores { Accuracy = 0.9842, Latency = Latency(1.43), Samples = 1200 },
            Epochs = [
                .. Enumerable.Range(1, 10)
                    .Select(epoch => new EpochReport("teacher", epoch, 2.0 / epoch, Accuracy(0.985 - 0.4 * Math.Exp(-0.7 * epoch)))),
            ],
        },
        Student = new NetworkReport
        {
            Description = "conv1d, width 12",
            Parameters = 58_412,
            Bytes = 239_004,
            Scores = new Scores { Accuracy = 0.9767, Latency = Latency(0.118), Samples = 1200 },
            Epochs = [
                .. Enumerable.Range(1, 11)
                    .Select(epoch => new EpochReport(epoch > 9 ? "fine-tuning" : "distillation", epoch > 9 ? epoch - 9 : epoch, 2.4 / epoch,
                        Accuracy(0.976 - 0.5 * Math.Exp(-0.55 * epoch)))),
            ],
        },
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 6])],
        ValidationSet = new ArtifactReference("validation.npz", new string('b', 64), 400_000),
        Variants =
        [
            Variant("x64-int8", "x64", "int8-static-u8s8", 67_120, 0.9758, 0.9933, true, 0.081) with
            {
                Chosen = true,
                Techniques = ["percentile calibration"],
            },
            Variant("x64-int8-dynamic", "x64", "int8-dynamic", 170_300, 0.9761, 0.9967, true, 0.104) with
            {
                Reasons = ["Not chosen: x64-int8 is faster (1.46 against 1.13 times the float model)."],
            },
            Variant("arm-cpu-int8", "arm-cpu", "int8-static-s8s8", 67_120, 0.9758, 0.9921, true) with { Chosen = true },
            Variant("jetson-int8", "jetson", "int8-static-symmetric", 65_904, 0.9457, 0.9512, false) with
            {
                Layers =
                [
                    new LayerReport
                    {
                        Layer = "stage2/conv",
                        Operator = "Conv",
                        Fate = LayerFate.ReturnedToFloat,
                        Decibels = 4.1,
                        Points = 0.0032,
                    },
                    new LayerReport { Layer = "head/fc", Operator = "Gemm", Fate = LayerFate.Costly, Decibels = 2.2 },
                    new LayerReport { Layer = "lstm", Operator = "LSTM", Fate = LayerFate.NotQuantizable },
                ],
                Reasons = [
                    "Accuracy is 0.9457, and 0.9767 of the float model; at least 0.9667 is required.",
                    "Kept in float because rounding cost too much: stage2/conv (+4.1 dB).",
                ],
            },
            Variant("jetson-fp16", "jetson", "fp16", 121_880, 0.9767, 1, true) with { Chosen = true },
        ],
    };

    /// <summary>A build that predicts cycles, one variant of which is far off.</summary>
    private static BuildReport Cycles()
    {
        Scores Of(double rmse) => new()
        {
            Metrics = [MetricValue.Of(Metric.RootMeanSquareError, rmse, "cycles"), MetricValue.Of(Metric.MeanAbsoluteError, 11, "cycles")],
            Samples = 100,
        };
        var report = Report("turbofan");
        return report with
        {
            Task = ModelTask.Regression,
            Measure = Metric.RootMeanSquareError.Name,
            Teacher = report.Teacher! with { Scores = Of(16.22), Epochs = [] },
            Student = report.Student with { Scores = Of(15.76), Epochs = [] },
            Variants =
            [
                .. new[] { ("x64-int8", 15.7, true), ("jetson-fp16", 20.3, false) }.Select(row => new VariantReport
                {
                    Id = row.Item1,
                    Profile = row.Item1.Split('-')[0],
                    Scheme = row.Item1.EndsWith("fp16", StringComparison.Ordinal) ? "fp16" : "int8-static-u8s8",
                    Artifact = new ArtifactReference(row.Item1 + ".onnx", new string('c', 64), 29_103),
                    Scores = Of(row.Item2),
                    Closeness = new Closeness(47.9, 0.9999, null),
                    Drop = row.Item2 - 15.76,
                    Accepted = row.Item3,
                    Chosen = row.Item3,
                    Layers = [new LayerReport { Layer = "conv1", Operator = "Conv", Fate = LayerFate.ReturnedToFloat, Points = 1.25 }],
                    Reasons = row.Item3
                        ? []
                        : ["RMSE is 20.3 cycles, and 15.76 cycles of the float model; at most 15.9176 cycles is allowed."],
                }),
            ],
        };
    }

    private static VariantReport Variant(
        string id, string profile, string scheme, long bytes, double accuracy, double agreement, bool accepted, double? milliseconds = null)
            => new()
            {
                Id = id,
                Profile = profile,
                Scheme = scheme,
                Artifact = new ArtifactReference(id + ".onnx", new string('c', 64), bytes),
                Scores = new Scores
                {
                    Accuracy = accuracy,
                    Agreement = agreement,
                    Latency = milliseconds is { } time ? Latency(time) : null,
                    PeakMemoryBytes = milliseconds is null ? null : 61_344_000,
                    EnergyJoules = milliseconds is null ? null : 12.5e-6,
                    Samples = 1200,
                },
                Closeness = new Closeness(agreement == 1 ? 66.2 : 24.8, 0.9983, agreement),
                Drop = 0.9767 - accuracy,
                SpeedUp = milliseconds is { } median ? 0.118 / median : null,
                Accepted = accepted,
            };

    private static LatencySummary Latency(double milliseconds)
        => new(TimeSpan.FromMilliseconds(milliseconds), TimeSpan.FromMilliseconds(milliseconds * 1.2),
            TimeSpan.FromMilliseconds(milliseconds * 1.45));

    private static MetricValue Accuracy(double value) => MetricValue.Of(Metric.Accuracy, value);
}
