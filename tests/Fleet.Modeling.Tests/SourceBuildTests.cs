using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests;

/// <summary>A build of a model of one's own: no teacher, no student, and a report that can be released.</summary>
public sealed class SourceBuildTests
{
    [Fact]
    public void Labelled_samples_judge_by_accuracy_and_travel_with_the_release()
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, Spec(folder, labelled: true));
        Assert.Null(report.Teacher);
        Assert.Equal(("model.onnx", 1.0), (report.Student.Description, report.Student.Scores.Accuracy));
        Assert.All(report.Variants.Where(variant => variant.Accepted),
            variant => Assert.True(variant.Drop <= 0.05 + 1e-9 && variant.Scores!.Accuracy >= 0.95));
        Assert.Equal(["0", "1", "2", "3", "4", "5"], report.Classes);
        var set = ValidationSet(folder);
        Assert.Equal([30, 128], set["x"].Shape);
        Assert.Equal(30, set["labels"].Length);
        Assert.True(JsonSerializer.Deserialize(
            File.ReadAllText(folder.File("out/report.json")), FleetJson.Default.BuildReport)!.Variants.Count == report.Variants.Count);
    }

    [Fact]
    public void Without_labels_a_classifier_is_held_to_the_float_models_decisions()
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, Spec(folder, labelled: false));
        Assert.Equal(ModelTask.Classification, report.Task);
        Assert.Equal((null, 1), (report.Student.Scores.Accuracy, report.Student.Scores.Agreement));
        Assert.All(report.Variants, variant => Assert.Null(variant.Drop));
        Assert.All(report.Variants.Where(variant => variant.Accepted), variant =>
        {
            var gate = report.Spec.Gate.For(report.TaskOf(), variant.Scores!).Thresholds[0];
            Assert.Equal("agreement", gate.Metric);
            Assert.Equal(variant.Scores!.Agreement!.Value - 0.02, gate.Minimum!.Value, 9);
        });
        // What travels is what the float model gave for those samples.
        var set = ValidationSet(folder);
        Assert.DoesNotContain("labels", set.Keys);
        using var session = OnnxRuntimeSession.Open(folder.File("model.onnx"));
        var samples = new SampleSet(set["x"].ToSingles(), [128], new long[30]);
        Assert.Equal(ModelOutputs.Of(session, samples.Feeds("x"), TestContext.Current.CancellationToken).Values,
            set["reference.y"].ToSingles());
    }

    [Fact]
    public void Predicted_numbers_are_judged_by_their_error_against_real_labels()
    {
        using var folder = new ScratchFolder();
        var spec = Spec(folder, labelled: false);
        using (var session = OnnxRuntimeSession.Open(folder.File("model.onnx")))
        {
            var inputs = Npz(folder.File("held-out.npz"))["x"];
            var values = ModelOutputs.Of(
                session, new SampleSet(inputs.ToSingles(), [128], new long[40]).Feeds("x"), TestContext.Current.CancellationToken).Values;
            Save(folder.File("labels.npy"), NpyArray.Of(Array.ConvertAll(values, value => value + 1), 40, 6));
        }
        var report = Run(folder,
            spec with
            {
                Source = spec.Source! with { Task = ModelTask.Regression, LabelUnit = "kW", ValidationLabels = folder.File("labels.npy") },
            });
        Assert.Equal("1 kW", report.Student.Scores.Find("rmse")!.Text());
        Assert.Empty(report.Classes);
        Assert.Equal([30, 6], ValidationSet(folder)["labels"].Shape);
        Assert.All(report.Variants.Where(variant => variant.Accepted),
            variant =>
            {
                // Half of the 40 chose, the others report; promised is what devices find on those that they are given.
                Assert.Equal((20, 30), (variant.Scores!.Samples, variant.Promised()!.Samples));
                Assert.Equal("rmse", report.Spec.Gate.For(report.TaskOf(), variant.Promised()!).Thresholds[0].Metric);
                Assert.Equal(variant.Scores.Find("rmse")!.Value - report.Student.Scores.Find("rmse")!.Value, variant.Drop!.Value, 1e-9);
            });
        Assert.Equal("rmse", report.Measure);
    }

    /// <summary>Half of few samples report, and all of them travel: a device must find what was promised, not what the half says.</summary>
    [Fact]
    public void What_is_promised_is_of_the_samples_that_travel_also_where_all_of_them_do()
    {
        using var folder = new ScratchFolder();
        var spec = Spec(folder, labelled: true);
        var report = Run(folder, spec with { Gate = spec.Gate with { ValidationSamples = 1000 } });
        var set = ValidationSet(folder);
        Assert.Equal([40], set["labels"].Shape);
        Assert.All(report.Variants.Where(variant => variant.Accepted), variant =>
        {
            Assert.Equal((20, 40), (variant.Scores!.Samples, variant.Promised()!.Samples));
            using var session = OnnxRuntimeSession.Open(folder.File($"out/variants/{variant.Artifact!.Name}"), variant.Runtime);
            var decided = ModelOutputs.Of(session, new SampleSet(set["x"].ToSingles(), [128], new long[40]).Feeds("x"),
                TestContext.Current.CancellationToken).Decisions().Select(label => (long)label);
            Assert.Equal(decided.Zip(set["labels"].ToInt64s()).Average(pair => pair.First == pair.Second ? 1.0 : 0),
                variant.Promised()!.Accuracy!.Value, 1e-9);
        });
    }

    [Fact]
    public void Model_whose_outputs_are_unknown_is_held_to_the_float_models_outputs()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("x", 1, 3, 16).Weight("w", 16, 8).Node("MatMul", ["x", "w"], "y")
            .Output("y", 1, 3, 8).Save(folder, "own.onnx");
        var report = Run(folder,
            Spec(folder, labelled: false) with
            {
                Source = new SourceSpec { Onnx = folder.File("own.onnx"), Calibration = "synthetic", Validation = "synthetic" },
            });
        Assert.DoesNotContain("labels", ValidationSet(folder).Keys);
        Assert.Empty(report.Classes);
        Assert.Equal((SampleSource.Synthetic, true), (report.Validation!.From, report.Calibration!.IsMadeUp));
        Assert.All(report.Variants.Where(variant => variant.Accepted),
            variant => Assert.Equal("cosine", report.Spec.Gate.For(report.TaskOf(), variant.Scores!).Thresholds[0].Metric));
        Assert.Contains("reference.y", ValidationSet(folder).Keys);
        Assert.Contains(report.Variants, variant => variant.Chosen);
    }

    [Fact]
    public void Input_that_no_device_could_be_given_is_refused_before_anything_is_made()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("x", 1, 16).Input("gain").Weight("w", 16, 8).Node("Mul", ["x", "gain"], "s")
            .Node("MatMul", ["s", "w"], "y").Output("y", 1, 8).Save(folder, "own.onnx");
        var spec = Spec(folder, labelled: false) with
        {
            Source = new SourceSpec { Onnx = folder.File("own.onnx"), Validation = "synthetic" },
        };
        Assert.Contains("Input 'gain' takes (), which has no batch of one in front",
            Assert.Throws<BuildException>(() => Run(folder, spec)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out/variants")));
    }

    [Fact]
    public void Detector_whose_boxes_are_not_corners_is_refused_before_anything_is_made()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("b", 1, 4, 4).Input("s", 1, 4).Node("Identity", ["b"], "boxes").Node("Identity", ["s"], "scores")
            .Output("boxes", 1, 4, 4).Output("scores", 1, 4).Save(folder, "offsets.onnx");
        float[] offsets = [0.1f, 0.2f, -0.3f, 0.1f, 0.5f, 0, 0.1f, 0.1f, 0, 0, 0.2f, 0.2f, 0.4f, 0.1f, 0.5f, 0.05f];
        using (var file = File.Create(folder.File("pictures.npz")))
            NpzArchive.Write(file, [new("b", NpyArray.Of(offsets, 1, 4, 4)), new("s", NpyArray.Of([0.9f, 0.8f, 0.7f, 0.6f], 1, 4))]);
        var spec = Spec(folder, labelled: false) with
        {
            Source = new SourceSpec
            {
                Onnx = folder.File("offsets.onnx"),
                Task = ModelTask.Detection,
                Validation = folder.File("pictures.npz"),
            },
        };
        Assert.Contains("Output 'boxes' does not hold left, top, right and bottom of boxes: 3 of the 4",
            Assert.Throws<BuildException>(() => Run(folder, spec)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out/variants")));
    }

    [Theory]
    [InlineData("label", "label 6 of sample 3")]
    [InlineData("count", "39 labels for 40 samples")]
    [InlineData("model", "absent.onnx does not exist")]
    [InlineData("samples", "absent.npz does not exist")]
    [InlineData("not onnx", "is not an ONNX model")]
    public void Bad_input_is_one_sentence(string what, string sentence)
    {
        using var folder = new ScratchFolder();
        var spec = Spec(folder, labelled: true);
        var labels = Enumerable.Repeat(0L, 40).ToArray();
        if (what == "label") labels[3] = 6;
        Save(folder.File("labels.npy"), NpyArray.Of(what == "count" ? labels.AsSpan(1) : labels, what == "count" ? 39 : 40));
        var source = spec.Source! with { ValidationLabels = what is "label" or "count" ? folder.File("labels.npy") : null };
        if (what == "model") source = source with { Onnx = folder.File("absent.onnx") };
        if (what == "samples") source = source with { Validation = folder.File("absent.npz") };
        if (what == "not onnx") File.WriteAllText(source.Onnx, "hello");
        var message = Assert.Throws<BuildException>(
            () => Run(folder, spec with { Source = source, Quantization = spec.Quantization with { MaximumDrop = 1 } })).Message;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.False(File.Exists(folder.File("out/report.json")));
    }

    [Fact]
    public async Task Program_builds_from_a_spec_beside_its_files()
    {
        using var folder = new ScratchFolder();
        var spec = Spec(folder, labelled: true);
        var relative = spec with
        {
            Source = spec.Source! with { Onnx = "model.onnx", Calibration = "calibration.npz", Validation = "held-out.npz" },
        };
        await File.WriteAllTextAsync(folder.File("spec.json"), JsonSerializer.Serialize(relative, FleetJson.Default.BuildSpec),
            TestContext.Current.CancellationToken);
        await using var program = ChildProcess.Start(Programs.Modeling, ["build", folder.File("spec.json"), "--out", folder.File("out")]);
        Assert.True(await program.WaitForExitAsync(TimeSpan.FromMinutes(2)) == 0, program.Output);
        var report = JsonSerializer.Deserialize(
            await File.ReadAllTextAsync(folder.File("out/report.json"), TestContext.Current.CancellationToken),
            FleetJson.Default.BuildReport)!;
        Assert.Equal(folder.File("model.onnx"), report.Spec.Source!.Onnx);
        Assert.All(report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>(),
            artifact => Assert.Equal(artifact.Bytes, new FileInfo(folder.File($"out/variants/{artifact.Name}")).Length));
        Assert.Contains("model.onnx", await File.ReadAllTextAsync(folder.File("out/report.html"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    /// <summary>A classifier of 128 features, calibration samples and held-out ones whose labels are what it says, in files.</summary>
    internal static BuildSpec Spec(ScratchFolder folder, bool labelled)
    {
        var model = new GraphBuilder().Input("x", -1, 128).Weight("w1", 128, 256).Weight("b1", 256).Weight("w2", 256, 6)
            .Node("Gemm", ["x", "w1", "b1"], "g").Node("Relu", ["g"], "r").Node("MatMul", ["r", "w2"], "y").Output("y", -1, 6).Save(folder);
        foreach (var (name, count, seed) in new[] { ("calibration.npz", 64, 1), ("held-out.npz", 40, 2) })
        {
            var samples = TinyModels.SamplesFor(OnnxFile.Load(model), count, seed);
            using var session = OnnxRuntimeSession.Open(model);
            var said = ModelOutputs.Of(session, samples.Feeds("x"), CancellationToken.None).Decisions();
            var arrays = new Dictionary<string, NpyArray> { ["x"] = NpyArray.Of(samples.Inputs, count, 128) };
            if (labelled) arrays["labels"] = NpyArray.Of([.. said.Select(label => (long)label)], count);
            using var file = File.Create(folder.File(name));
            NpzArchive.Write(file, [.. arrays]);
        }
        return new BuildSpec
        {
            Model = "own",
            Source = new SourceSpec
            {
                Onnx = model,
                Calibration = folder.File("calibration.npz"),
                Validation = folder.File("held-out.npz"),
            },
            Quantization = new QuantizationSpec { Profiles = ["x64", "jetson"], MaximumDrop = 0.05 },
            Gate = new GateSpec { ValidationSamples = 30 },
        };
    }

    private static BuildReport Run(ScratchFolder folder, BuildSpec spec)
        => new Build(TimeProvider.System)
            .Run(spec, folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Report;

    private static void Save(string path, NpyArray array) => File.WriteAllBytes(path, array.ToFile());

    private static IReadOnlyDictionary<string, NpyArray> ValidationSet(ScratchFolder folder) => Npz(folder.File("out/validation.npz"));

    private static IReadOnlyDictionary<string, NpyArray> Npz(string path)
    {
        using var file = File.OpenRead(path);
        return NpzArchive.Read(file, 1 << 24);
    }
}
