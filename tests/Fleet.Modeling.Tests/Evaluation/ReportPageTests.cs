using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Evaluation;

namespace Fleet.Modeling.Tests.Evaluation;

public sealed class ReportPageTests
{
    [Fact]
    public void Page_stands_alone()
    {
        var page = ReportPage.Render(Report("vibration"));
        // For a look at it: FLEET_REPORT_PAGE=/tmp/report.html
        if (Environment.GetEnvironmentVariable("FLEET_REPORT_PAGE") is { } path) File.WriteAllText(path, page);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("src=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("href=", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_variant_is_there_and_a_rejected_one_says_why()
    {
        var page = ReportPage.Render(Report("vibration"));
        Assert.All(["x64-int8", "arm-cpu-int8", "jetson-int8", "jetson-fp16", "x64-fp32"], id => Assert.Contains(id, page, StringComparison.Ordinal));
        Assert.Contains("Accuracy drops by 0.0310", page, StringComparison.Ordinal);
        Assert.Contains("✕ rejected", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_cannot_become_markup()
        => Assert.DoesNotContain("<img", ReportPage.Render(Report("<img onerror=alert(1)>")), StringComparison.Ordinal);

    [Fact]
    public void Variant_that_could_not_be_made_has_a_row_and_no_mark()
    {
        var report = Report("vibration") with { Variants = [new VariantReport { Id = "x64-int8", Profile = "x64", Scheme = "int8-static-u8s8", Accepted = false, Reasons = ["It has no weights."] }] };
        var page = ReportPage.Render(report);
        Assert.Contains("It has no weights.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<title>x64-int8", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Front_holds_what_nothing_beats_on_both()
    {
        ReportCharts.ChartPoint Point(string name, long bytes, double accuracy, bool accepted = true) => new(name, "", bytes, accuracy, accepted);
        var front = ReportCharts.Front([Point("a", 100, 0.9), Point("b", 50, 0.8), Point("beaten", 120, 0.85), Point("rejected", 10, 0.99, accepted: false), Point("c", 200, 0.95)]);
        Assert.Equal(["b", "a", "c"], front.Select(point => point.Name));
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
            Epochs = [.. Enumerable.Range(1, 10).Select(epoch => new EpochReport("teacher", epoch, 2.0 / epoch, 0.985 - 0.4 * Math.Exp(-0.7 * epoch)))],
        },
        Student = new NetworkReport
        {
            Description = "conv1d, width 12",
            Parameters = 58_412,
            Bytes = 239_004,
            Scores = new Scores { Accuracy = 0.9767, Latency = Latency(0.118), Samples = 1200 },
            Epochs = [.. Enumerable.Range(1, 11).Select(epoch => new EpochReport(epoch > 9 ? "fine-tuning" : "distillation", epoch > 9 ? epoch - 9 : epoch, 2.4 / epoch, 0.976 - 0.5 * Math.Exp(-0.55 * epoch)))],
        },
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 6])],
        ValidationSet = new ArtifactReference("validation.npz", new string('b', 64), 400_000),
        Variants =
        [
            Variant("x64-int8", "x64", "int8-static-u8s8", 67_120, 0.9758, 0.9933, true, 0.081),
            Variant("arm-cpu-int8", "arm-cpu", "int8-static-s8s8", 67_120, 0.9758, 0.9925, true),
            Variant("jetson-int8", "jetson", "int8-static-symmetric", 65_904, 0.9457, 0.9512, false) with { Reasons = ["Accuracy drops by 0.0310 against the float model; at most 0.0100 is allowed.", "Kept in float for accuracy: stage2/conv (+4.1 dB)."] },
            Variant("jetson-fp16", "jetson", "fp16", 121_880, 0.9767, 1, true),
            Variant("x64-fp32", "x64", "fp32", 239_004, 0.9767, 1, true, 0.118) with { Reasons = ["The float model itself, for a profile whose integer variants were rejected or are slower."] },
        ],
    };

    private static VariantReport Variant(string id, string profile, string scheme, long bytes, double accuracy, double agreement, bool accepted, double? milliseconds = null) => new()
    {
        Id = id,
        Profile = profile,
        Scheme = scheme,
        Artifact = new ArtifactReference(id + ".onnx", new string('c', 64), bytes),
        Scores = new Scores { Accuracy = accuracy, Agreement = agreement, Latency = milliseconds is { } time ? Latency(time) : null, Samples = 1200 },
        SpeedUp = milliseconds is { } median ? 0.118 / median : null,
        Accepted = accepted,
    };

    private static LatencySummary Latency(double milliseconds)
        => new(TimeSpan.FromMilliseconds(milliseconds), TimeSpan.FromMilliseconds(milliseconds * 1.2), TimeSpan.FromMilliseconds(milliseconds * 1.45));
}
