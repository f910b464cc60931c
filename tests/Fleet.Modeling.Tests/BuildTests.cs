using System.Net;
using System.Security.Cryptography;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests;

/// <summary>One whole build, small: what a worker runs, without the server.</summary>
public sealed class BuildTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public BuildTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static readonly BuildSpec Small = new()
    {
        Model = "vibration",
        Data = new DataSpec { Kind = "vibration", Samples = 600 },
        Teacher = new TeacherSpec
        {
            Family = "conv1d",
            Width = 8,
            Members = 1,
            Training = new TrainingSpec { Epochs = 2, BatchSize = 32 },
        },
        Student = new StudentSpec { Family = "conv1d", Width = 4 },
        Distillation = new DistillationSpec { Training = new TrainingSpec { Epochs = 2, BatchSize = 32, Augment = true } },
        // Two epochs leave a network that nobody would release; what is judged here is the path.
        Quantization = new QuantizationSpec { CalibrationSamples = 32, MaximumDrop = 1 },
        Gate = new GateSpec { ValidationSamples = 60 },
    };

    private sealed class Heard : IProgress<BuildProgress>
    {
        public List<BuildProgress> All { get; } = [];

        public Action<BuildProgress>? On { get; init; }

        public void Report(BuildProgress value)
        {
            All.Add(value);
            On?.Invoke(value);
        }
    }

    [Fact]
    public void Build_leaves_a_report_whose_every_artifact_is_there_under_its_digest()
    {
        var heard = new Heard();
        var cheap = Small with { Teacher = Small.Teacher! with { Members = null } };
        var result = new Build(TimeProvider.System).Run(cheap, _folder.Path, heard, CancellationToken.None);

        Assert.Equal(600, result.Report.Samples.Training + result.Report.Samples.Validation + result.Report.Samples.Test);
        Assert.Equal(["teacher", "teacher"], result.Report.Teacher!.Epochs.Select(epoch => epoch.Phase));
        Assert.Equal(["distillation", "distillation", "fine-tuning"], result.Report.Student.Epochs.Select(epoch => epoch.Phase));
        Assert.Equal(["arm-cpu", "jetson", "x64"], result.Report.Variants.Select(variant => variant.Profile).Distinct().Order());
        foreach (var artifact in result.Report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>()
            .Append(result.Report.ValidationSet))
        {
            var bytes = File.ReadAllBytes(result.Artifacts[artifact]);
            Assert.Equal((artifact.Bytes, artifact.Sha256), (bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }
        Assert.True(result.Report.Teacher.Parameters > result.Report.Student.Parameters);
        AssertThreeTaught(result.Report);
        Assert.Contains("<html", result.Page, StringComparison.OrdinalIgnoreCase);

        var fractions = heard.All.Select(progress => progress.Fraction).ToArray();
        Assert.Equal(fractions.Order(), fractions);
        Assert.Equal(1, fractions[^1]);
    }

    // What the report says of the teacher is what the mean of the three says, and not what one of them does.
    private void AssertThreeTaught(BuildReport report)
    {
        Assert.EndsWith(", mean of 3", report.Teacher!.Description, StringComparison.Ordinal);
        string[] files = [.. ((string[])["teacher.onnx", "teacher-2.onnx", "teacher-3.onnx"]).Select(name => _folder[name])];
        Assert.Equal(files.Sum(file => new FileInfo(file).Length), report.Teacher.Bytes);
        var data = DataSets.Load(DataKind.Resolve(Small.Data!), 2, Small.Seed);
        var spec = new TeacherSpec { Onnx = files[0], Ensemble = files[1..] };
        using var mean = Teacher.Open(spec, data, data.Columns);
        Assert.Equal(report.Teacher.Scores.Accuracy, data.Test.Labels.Score(mean.Outputs(data.Test, CancellationToken.None))[0].Value);
        Assert.Equal(3, files.Select(file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))).Distinct().Count());
    }

    [Fact]
    public void Same_spec_gives_the_same_student_to_the_last_byte()
    {
        byte[] Student(string name)
        {
            new Build(TimeProvider.System)
                .Run(Small with { Quantization = Small.Quantization with { Profiles = ["x64"] } }, _folder[name],
                    new Heard(), CancellationToken.None);
            return File.ReadAllBytes(_folder[name, "student.onnx"]);
        }
        Assert.Equal(Student("a"), Student("b"));
    }

    [Fact]
    public void Teacher_given_as_a_file_is_used_as_it_is()
    {
        new Build(TimeProvider.System)
            .Run(Small with { Quantization = Small.Quantization with { Profiles = ["x64"] } }, _folder["first"],
                new Heard(), CancellationToken.None);
        var given = Small with
        {
            Teacher = new TeacherSpec { Onnx = _folder["first", "teacher.onnx"] },
            Quantization = Small.Quantization with { Profiles = ["x64"] },
        };
        var report = new Build(TimeProvider.System).Run(given, _folder["second"], new Heard(), CancellationToken.None).Report;
        Assert.Equal("teacher.onnx", report.Teacher!.Description);
        Assert.Empty(report.Teacher.Epochs);
        Assert.False(File.Exists(_folder["second", "teacher.onnx"]));
    }

    [Fact]
    public void Teacher_given_as_torch_script_teaches_from_inside_and_is_judged()
    {
        var random = new Random(1);
        float[] inputs = [.. Enumerable.Range(0, 120 * 10).Select(_ => 20 * random.NextSingle() - 10)];
        var script = Repository.PathOf("tests", "Fleet.Modeling.Tests", "Teachers", "TorchScript", "tuple.pt");
        // Labels that the teacher knows three quarters of.
        using (ITeacherModel teacher = new TorchScriptTeacher(script, [2, 5], 3, tokens: false))
        {
            var answers = teacher.Outputs(new SampleSet(inputs, [2, 5], new long[120]), CancellationToken.None);
            long[] labels = [
                .. Enumerable.Range(0, 120)
                    .Select(i => (ClassificationScore.Decide(answers.AsSpan(3 * i, 3)) + (i % 4 == 0 ? 1L : 0)) % 3),
            ];
            using var file = File.Create(_folder["data.npz"]);
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of(inputs, [120, 2, 5])), new("labels", NpyArray.Of(labels, 120)),
            ]);
        }
        var spec = Small with
        {
            Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"] },
            Teacher = new TeacherSpec { TorchScript = script },
            // From the teacher alone: what agrees in the end was learned from it.
            Distillation = Small.Distillation with
            {
                Losses = [
                    new LossSpec { Loss = "logit" },
                    new LossSpec { Loss = "feature", Pairs = [new() { Teacher = "output1", Student = "layer1" }] },
                ],
                Labels = 0,
                FineTuneEpochs = 0,
                Training = new TrainingSpec { Epochs = 40, BatchSize = 16, Augment = false },
            },
            Quantization = Small.Quantization with { Profiles = ["x64"] },
        };
        var report = new Build(TimeProvider.System).Run(spec, _folder["built"], new Heard(), CancellationToken.None).Report;
        Assert.Equal("tuple.pt", report.Teacher!.Description);
        Assert.NotNull(report.Teacher.Scores.Accuracy);
        Assert.Null(report.Teacher.Scores.Latency);
        Assert.NotNull(report.Student!.Scores.Latency);
        Assert.InRange(report.Teacher.Scores.Agreement!.Value, 0.55, 1);
    }

    [Fact]
    public void Student_without_a_teacher_learns_from_the_labels_and_is_held_against_simple_models()
    {
        var result = new Build(TimeProvider.System).Run(
            Small with
            {
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                Quantization = Small.Quantization with { Profiles = ["x64"] },
                QuantizationAware = new QuantizationAwareSpec { Method = "qat", Epochs = 1 },
            }, _folder.Path, new Heard(), CancellationToken.None);
        Assert.Null(result.Report.Teacher);
        Assert.Equal(["labels", "labels", "fine-tuning"],
            result.Report.Student.Epochs.Take(3).Select(epoch => epoch.Phase));
        Assert.Contains(result.Report.Floors, floor => floor.Name == "linear");
        Assert.DoesNotContain(result.Report.Floors, floor => floor.Name == FloorReport.LabelsAlone);
        Assert.Contains("trained on the labels alone", result.Page, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["teacher.onnx"]));
    }

    [Fact]
    public void Report_says_what_simple_models_and_the_student_without_its_teacher_reach()
    {
        var result = new Build(TimeProvider.System).Run(Small with { Quantization = Small.Quantization with { Profiles = ["x64"] } },
            _folder.Path, new Heard(), CancellationToken.None);
        Assert.Equal(["majority", "linear", "nearest", "kernels", "labels-alone"], result.Report.Floors.Select(floor => floor.Name));
        Assert.All(result.Report.Floors, floor =>
        {
            Assert.Equal(result.Report.Samples.Test, floor.Scores.Samples);
            Assert.Equal(result.Report.Student.Scores.Accuracy!.Value - floor.Scores.Accuracy!.Value, floor.Gain!.Value, 9);
            Assert.Contains($"data-floor=\"{floor.Name}\"", result.Page, StringComparison.Ordinal);
        });
        Assert.All(result.Report.Findings,
            finding => Assert.Contains(WebUtility.HtmlEncode(finding), result.Page, StringComparison.Ordinal));
        Assert.True(result.Report.Student.Intervals[0].Holds(result.Report.Student.Scores.Accuracy!.Value));
        var decisions = result.Report.Student.Decisions!;
        Assert.Equal(result.Report.Samples.Test, decisions.Classes.Sum(one => one.Samples));
        Assert.Equal(result.Report.Student.Scores.Accuracy!.Value,
            1 - (double)decisions.Confusions.Sum(one => one.Samples) / result.Report.Samples.Test, 9);
        Assert.Equal(result.Report.Samples.Training, result.Report.ClassCounts.Sum(one => one.Training));
        Assert.All(result.Report.Variants, variant => Assert.Equal(variant.Chosen, variant.Decisions is not null));
        Assert.All(result.Report.Classes, name => Assert.Contains($"data-class=\"{name}\"", result.Page, StringComparison.Ordinal));
    }

    [Fact]
    public void Student_that_is_not_so_much_better_than_simple_models_ends_the_build()
    {
        var refusal = Assert.Throws<BuildException>(() => new Build(TimeProvider.System).Run(
            Small with { Gate = Small.Gate with { AboveFloor = 1 } }, _folder.Path, new Heard(), CancellationToken.None));
        Assert.StartsWith("The student is not good enough: its accuracy is ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("gate.aboveFloor 1 asks for at least ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_belong_to_other_samples_end_the_build()
    {
        var random = new Random(2);
        using (var file = File.Create(_folder["data.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of([.. Enumerable.Range(0, 400 * 20).Select(_ => random.NextSingle())], [400, 1, 20])),
                // Three of four are of one class, and nothing in the samples says which.
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 400).Select(i => i % 4 == 0 ? 1L : 0)], 400)),
            ]);
        var failed = Assert.Throws<BuildException>(() => new Build(TimeProvider.System).Run(
            Small with { Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"] } }, _folder["out"], new Heard(),
            CancellationToken.None));
        Assert.Contains("The teacher has learned nothing", failed.Message, StringComparison.Ordinal);
        Assert.Contains("look whether labels belong to their samples", failed.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["out", "report.json"]));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Balanced_labels_by_chance_never_make_a_release(int seed)
    {
        var random = new Random(seed);
        using (var file = File.Create(_folder["data.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of([.. Enumerable.Range(0, 400 * 20).Select(_ => random.NextSingle())], [400, 1, 20])),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 400).Select(i => i % 2L)], 400)),
            ]);
        var failed = Assert.Throws<BuildException>(() => new Build(TimeProvider.System).Run(
            Small with
            {
                Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"] },
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                Seed = seed,
            }, _folder["out"], new Heard(), CancellationToken.None));
        Assert.StartsWith("The student ", failed.Message, StringComparison.Ordinal);
        Assert.Contains("learned nothing", failed.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["out", "report.json"]));
    }

    [Fact]
    public void Variant_trained_on_four_bits_stands_beside_the_others_with_what_its_bits_mean()
    {
        var spec = Small with
        {
            Quantization = Small.Quantization with { Profiles = ["x64"] },
            QuantizationAware = new QuantizationAwareSpec
            {
                WeightBits = 4,
                ActivationBits = 4,
                Method = "qkd",
                Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 1, Tutoring = 1 },
            },
        };
        var result = new Build(TimeProvider.System).Run(spec, _folder.Path, new Heard(), CancellationToken.None);
        Assert.Equal(["self-studying", "co-studying", "tutoring"], result.Report.Student.Epochs.Select(epoch => epoch.Phase).TakeLast(3));
        var trained = result.Report.Variants.Single(variant => variant.Id == "x64-qkd-w4a4");
        var quantized = result.Report.Variants.Single(variant => variant.Id == "x64-int8");
        Assert.Equal(["training on the grid (qkd)"], trained.Techniques);
        Assert.True(trained.Accepted, string.Join(" ", trained.Reasons));
        Assert.Contains(trained.Reasons, reason => reason.Contains("fewer save size, not time", StringComparison.Ordinal));
        Assert.DoesNotContain(trained.Layers, layer => layer.Fate == LayerFate.NotQuantizable);
        Assert.True(trained.Artifact!.Bytes < quantized.Artifact!.Bytes);
        Assert.Equal(trained.Artifact.Bytes, new FileInfo(result.Artifacts[trained.Artifact]).Length);
    }

    /// <summary>Bytes that a network of a width makes in 8 bits promise nothing of what is chosen in the end.</summary>
    [Fact]
    public void Nothing_that_breaks_the_budget_of_a_found_width_is_chosen()
    {
        const int most = 30_000;
        var report = new Build(TimeProvider.System).Run(Small with
        {
            Student = new StudentSpec { Family = "conv1d", Width = StudentWidth.Auto, Budget = new StudentBudget { MaximumBytes = most } },
            Distillation = Small.Distillation with { CompareWithLabels = false },
            // Two bytes a weight where the width was found for one.
            Quantization = Small.Quantization with { Profiles = ["x64"], Effort = "fast", Schemes = ["fp16"] },
        }, _folder.Path, new Heard(), CancellationToken.None).Report;
        Assert.DoesNotContain(report.Variants, variant => variant.Chosen);
        Assert.Contains("the budget is 30,000.", Assert.Single(report.Variants).Reasons[0], StringComparison.Ordinal);
    }

    /// <summary>Nor does a width promise a time: a tick is beyond any file, on a machine however idle.</summary>
    [Fact]
    public void Nothing_that_breaks_the_latency_of_a_student_is_chosen()
    {
        var report = new Build(TimeProvider.System).Run(Small with
        {
            Student = Small.Student! with { Budget = new StudentBudget { MaximumLatencyP95 = TimeSpan.FromTicks(1) } },
            Distillation = Small.Distillation with { CompareWithLabels = false },
            Quantization = Small.Quantization with { Profiles = ["x64"], Effort = "fast", Schemes = ["fp16"] },
        }, _folder.Path, new Heard(), CancellationToken.None).Report;
        Assert.DoesNotContain(report.Variants, variant => variant.Chosen);
        Assert.Contains(report.Variants, variant => variant.Reasons.Any(
            reason => reason.StartsWith("Its p95 is ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Cancelling_ends_a_build_in_the_middle()
    {
        using var cancel = new CancellationTokenSource();
        var heard = new Heard
        {
            On = progress => { if (progress.Step.StartsWith("Distilling", StringComparison.Ordinal)) cancel.Cancel(); },
        };
        Assert.ThrowsAny<OperationCanceledException>(() => new Build(TimeProvider.System).Run(Small, _folder.Path, heard, cancel.Token));
        Assert.False(File.Exists(_folder["report.json"]));
    }

    [Fact]
    public void Spec_that_breaks_rules_is_refused_before_anything_is_read()
    {
        var wrong = Small with { Student = new StudentSpec { Family = "transformer" } };
        Assert.Contains("student.family 'transformer'",
            Assert.Throws<BuildException>(() => new Build(TimeProvider.System)
                .Run(wrong, _folder.Path, new Heard(), CancellationToken.None)).Message, StringComparison.Ordinal);
    }
}
