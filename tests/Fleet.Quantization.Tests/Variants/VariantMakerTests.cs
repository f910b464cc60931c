using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>From a float classifier to judged variants for every profile.</summary>
public sealed class VariantMakerTests
{
    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2"] };

    [Fact]
    public void Every_profile_gets_its_forms_and_a_verdict()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var reports = Make(folder, model, new QuantizationSpec { MaximumDrop = 0.1 });

        var made = reports.Where(report => report.Scheme != "fp32").ToArray();
        var graph = PreparedModel.From(model, folder.Path).Graph;
        HardwareProfile[] profiles = [BuiltInProfiles.Find("x64")!, BuiltInProfiles.Find("arm-cpu")!, BuiltInProfiles.Find("jetson")!];
        Assert.Equal(profiles.SelectMany(profile => QuantizationSchemes.CandidatesFor(profile).Where(scheme => scheme.Suits(graph))
            .Select(scheme => $"{profile.Name}-{scheme.Suffix}")), made.Select(report => report.Id));
        Assert.Equal(["int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric", "fp16"],
            made.Where(report => report.Id.EndsWith("int8", StringComparison.Ordinal) || report.Id == "jetson-fp16")
                .Select(report => report.Scheme));
        // What does not suit this model is not tried.
        Assert.DoesNotContain(made, report => report.Id == "x64-int8-stem");
        Assert.All(made.Where(report => !report.Id.EndsWith("int4", StringComparison.Ordinal)),
            report => Assert.True(report.Accepted, string.Join(" ", report.Reasons)));
        Assert.All(made, report =>
        {
            Assert.InRange(report.Scores!.Agreement!.Value, 0.8, 1);
            Assert.InRange(report.Closeness!.SignalToNoise, 10, 80);
            Assert.Equal(report.Accepted, report.Drop <= 0.1);
            // Half of the 400 chose.
            Assert.Equal(200, report.Scores.Samples);
            Assert.True(Names.IsName(report.Id));
            var file = new FileInfo(folder.File($"out/{report.Id}.onnx"));
            Assert.Equal(file.Length, report.Artifact!.Bytes);
            Assert.Equal(64, report.Artifact.Sha256.Length);
        });
    }

    [Theory]
    [InlineData("fast", true, 0)]
    [InlineData("balanced", true, 1)]
    [InlineData("thorough", false, 2)]
    public void Nothing_is_searched_where_16_bits_lose_too_much_already(string effort, bool isGivenUp, int explained)
    {
        using var folder = new ScratchFolder();
        var calibration = TinyModels.SamplesFor(Classifier().Build(), 60, seed: 1);
        var reports = new VariantMaker(X64).Make(
            new VariantRequest(Classifier().Save(folder), calibration.Feeds("x"), HeldOut.Of(calibration.Feeds("x")), VariantSettings.Of(
                new QuantizationSpec
                {
                    MinimumSignalToNoise = 120,
                    Schemes = ["int8-static-u8s8", "int8-dynamic"],
                    Profiles = ["x64"],
                    Effort = effort,
                },
                [BuiltInProfiles.X64]), folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
        var rejected = reports.Where(report => report.Scheme != "fp32").ToArray();
        Assert.All(rejected, report =>
        {
            Assert.False(report.Accepted);
            Assert.Equal(isGivenUp, report.Reasons.Any(reason => reason.Contains("weights rounded to 16 bits", StringComparison.Ordinal)));
            Assert.Equal(effort != "fast", report.Scores!.Latency is not null);
        });
        Assert.Equal(explained, rejected.Count(report => report.Layers.Any(layer => layer.Decibels is not null)));
    }

    [Theory]
    [InlineData("fast", null, false)]
    [InlineData("fast", "size", true)]
    [InlineData("balanced", null, true)]
    public void Four_bits_are_tried_at_effort_fast_for_a_goal_of_size_alone(string effort, string? goal, bool isTried)
    {
        using var folder = new ScratchFolder();
        var reports = Make(folder, Classifier().Save(folder), new QuantizationSpec { Effort = effort, Goal = goal, Profiles = ["x64"] });
        var report = reports.Single(report => report.Id == "x64-int4");
        Assert.Equal(isTried, report.Artifact is not null);
        Assert.Equal(isTried, !report.Reasons[0].StartsWith("Not tried", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("fast", null, null)]
    [InlineData("fast", "accuracy", null)]
    [InlineData("fast", null, 10_000_000L)]
    [InlineData("balanced", null, null)]
    public void What_computes_in_float_is_left_out_at_effort_fast_beside_something_faster_alone(string effort, string? goal, long? bytes)
    {
        using var folder = new ScratchFolder();
        var model = new EncoderModel(Layers: 1, Width: 256, Inner: 1024, Heads: 4, Length: 32).Build();
        OnnxFile.Save(model, folder.File("m.onnx"));
        var samples = TinyModels.SamplesFor(model, 8, seed: 1).Feeds("x");
        var spec = new QuantizationSpec { Effort = effort, Goal = goal, MinimumSignalToNoise = 5 };
        var reports = new VariantMaker(X64).Make(
            new VariantRequest(folder.File("m.onnx"), samples, HeldOut.Of(samples),
                VariantSettings.Of(spec, [BuiltInProfiles.X64], new ProfileBudget { MaximumBytes = bytes }), folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
        // What this machine finds faster is its own matter: without integer kernels nothing is.
        var faster = reports.Where(report => report is { Accepted: true, SpeedUp: > 1 }).ToArray();
        var report = reports.Single(report => report.Id == "x64-int8-weights");
        if (report.Artifact is null)
        {
            Assert.Equal(("fast", null, null), (effort, goal, bytes));
            Assert.StartsWith("Not tried: it computes in float, and x64-int8", report.Reasons[0], StringComparison.Ordinal);
            Assert.Contains(faster, other => report.Reasons[0].Contains($"{other.Id} is good enough", StringComparison.Ordinal));
        }
        else if (effort == "fast" && goal is null && bytes is null)
        {
            Assert.DoesNotContain(faster, other => other.SpeedUpInterval!.Low > 1.2);
        }
    }

    [Fact]
    public void Integers_weigh_less_than_a_third_of_the_float_model()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var reports = Make(folder, model, new QuantizationSpec { MaximumDrop = 0.03 });
        Assert.InRange(OnnxFile.Load(model).Graph.Initializer.Sum(tensor => tensor.Elements()), 50_000, 100_000);
        Assert.All(reports.Where(report => report.Id.EndsWith("-int8", StringComparison.Ordinal)),
            report => Assert.InRange(report.Artifact!.Bytes, 1, new FileInfo(model).Length * 30 / 100));
        Assert.InRange(reports.Single(report => report.Id == "jetson-fp16").Artifact!.Bytes, 1, new FileInfo(model).Length * 55 / 100);
    }

    [Fact]
    public void Latency_is_stated_for_this_machines_profile_alone()
    {
        using var folder = new ScratchFolder();
        var reports = Make(folder, Classifier().Save(folder), new QuantizationSpec());
        Assert.All(reports.Where(report => report is { Profile: "x64", Artifact: not null }),
            report => Assert.True(report.Scores!.Latency!.P50 > TimeSpan.Zero
                && (report.Scheme == "fp32" || report.SpeedUpInterval!.Holds(report.SpeedUp!.Value))));
        Assert.All(reports.Where(report => report.Profile != "x64"),
            report => Assert.True(report.Scores!.Latency is null && report is { SpeedUp: null, SpeedUpInterval: null }));
        // Others are estimated, which is not said to be a measurement.
        Assert.All(reports.Where(report => report is { Artifact: not null, Scheme: not "fp32" }),
            report => Assert.Equal(report.Profile != "x64", report.EstimatedSpeedUp > 0));
    }

    [Fact]
    public void Profile_whose_integers_are_slower_here_or_rejected_still_has_a_variant_to_release()
    {
        using var folder = new ScratchFolder();
        var reports = Make(folder, Hostile().Save(folder), new QuantizationSpec { MaximumDrop = 0 });
        Assert.All(reports.GroupBy(report => report.Profile),
            profile => Assert.True(Assert.Single(profile, report => report.Chosen).Accepted));
        Assert.DoesNotContain(
            reports, report => report.Chosen && report.SpeedUp < RelativeSpeed.Equal && report.SpeedUpInterval?.High < 1);
    }

    [Fact]
    public void Operator_that_costs_accuracy_returns_to_float_and_is_named()
    {
        using var folder = new ScratchFolder();
        var report = Make(folder, Hostile().Save(folder),
            new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-static-u8s8"], Calibrator = "minmax", MaximumDrop = 0.01 })
                .Single(report => report.Id == "x64-int8");
        Assert.True(report.Accepted, string.Join(" ", report.Reasons));
        Assert.Contains(report.Reasons,
            reason => reason.StartsWith("Kept in float because rounding cost too much: wide", StringComparison.Ordinal));
        var layer = report.Layers.First(layer => layer.Layer == "wide");
        Assert.Equal((LayerFate.ReturnedToFloat, "MatMul"), (layer.Fate, layer.Operator));
        Assert.True(layer.Decibels > 3 && layer.Points > 0, $"{layer}");
        Assert.InRange(report.Scores!.Accuracy!.Value, 0.99, 1);
    }

    [Fact]
    public void Model_that_nothing_can_quantize_is_rejected_with_the_reason_and_released_as_it_is()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 12).Node("Softmax", ["x"], "y").Output("y", -1, 12).Save(folder);
        var reports = Make(folder, model, new QuantizationSpec { Profiles = ["arm-cpu"] });
        Assert.Equal(["arm-cpu-int8", "arm-cpu-int8-weights", "arm-cpu-fp32"], reports.Select(report => report.Id));
        Assert.All(reports.SkipLast(1), report => Assert.False(report.Accepted));
        Assert.Contains("no Conv, Gemm or MatMul", reports[0].Reasons.Single(), StringComparison.Ordinal);
        Assert.True(reports[^1] is { Accepted: true, Chosen: true });
    }

    [Fact]
    public void Samples_of_another_shape_are_refused_with_that_shape()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var wrong = new TinySamples(new float[40], [4], new long[10]);
        var refusal = Assert.Throws<InvalidDataException>(
            () => Make(folder, model, new QuantizationSpec(), wrong, wrong, TestContext.Current.CancellationToken));
        Assert.Contains("x (1, 4)", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_are_not_one_to_a_row_are_refused()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 10, 1);
        var refusal = Assert.Throws<InvalidDataException>(
            () => new VariantMaker(X64).Make(new VariantRequest(model, null, HeldOut.Of(samples.Feeds("x"), [1, 2, 3]),
            VariantSettings.Of(new QuantizationSpec(), BuiltInProfiles.All), folder.File("out")), new Progress<BuildProgress>(),
                TestContext.Current.CancellationToken));
        Assert.Contains("3 labels for 10 samples", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Variant_that_collapses_is_never_accepted_and_names_the_layers_that_caused_it()
    {
        using var folder = new ScratchFolder();
        var model = Hostile().Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 60, 3);
        var report = new VariantMaker(X64).Make(new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
            VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-static-u8s8"], Calibrator = "minmax", MinimumSignalToNoise = 100 },
                [BuiltInProfiles.X64]),
            folder.File("out")), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants[0];
        Assert.False(report.Accepted || report.Chosen);
        Assert.Contains("at least 100.0 dB is required", report.Reasons[0], StringComparison.Ordinal);
        Assert.Contains(report.Layers, layer => layer.Fate is LayerFate.Costly or LayerFate.ReturnedToFloat && layer.Decibels > 3);
        Assert.All(report.Layers.Where(layer => layer.Fate == LayerFate.Costly),
            layer => Assert.Contains(layer.Layer, report.Reasons[1], StringComparison.Ordinal));
    }

    [Fact]
    public void Variant_over_the_budget_of_its_profile_is_not_accepted_and_says_by_how_much()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var test = Labelled(model, 40, seed: 2);
        var profile = BuiltInProfiles.Find("x64")! with { Budget = new ProfileBudget { MaximumBytes = 50_000 } };
        var reports = new VariantMaker(X64).Make(new VariantRequest(model, test.Feeds("x"), HeldOut.Of(test.Feeds("x"), test.Labels),
            VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-static-u8s8", "int4-weights"], Goal = "size", MaximumDrop = 1 },
                [profile]), folder.File("out")), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
        var large = reports.Where(report => report.Artifact!.Bytes > 50_000).ToArray();
        Assert.NotEmpty(large);
        Assert.All(large, report =>
            Assert.True(report is { Accepted: false, Chosen: false }
                && report.Reasons[0].EndsWith("the budget is 50,000.", StringComparison.Ordinal), report.Reasons[0]));
        Assert.All(reports.Where(report => report.Accepted), report => Assert.InRange(report.Artifact!.Bytes, 1, 50_000));
    }

    [Fact]
    public void Two_schemes_of_one_short_name_become_two_files()
    {
        using var folder = new ScratchFolder();
        var reports = Make(folder, Classifier().Save(folder),
            new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-static-u8s8", "int8-static-s8s8"], MaximumDrop = 0.03 });
        Assert.Equal(["x64-int8-static-u8s8", "x64-int8-static-s8s8"], reports.Take(2).Select(report => report.Id));
    }

    /// <remarks>
    /// Without VNNI x64 has a setting that guards against saturation, which weights that become floats do not need.
    /// </remarks>
    [Theory]
    [InlineData("avx512_vnni")]
    [InlineData("avx2")]
    public void Profiles_that_want_the_same_model_have_it_made_once(string flag)
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 40, 3);
        var steps = new Steps();
        string[] profiles = ["x64", "arm-cpu"];
        var made = new VariantMaker(X64 with { IsaFlags = [flag] }).Make(new VariantRequest(model, null, HeldOut.Of(samples.Feeds("x")),
            VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-weights"], MinimumSignalToNoise = 60 },
                [.. profiles.Select(name => BuiltInProfiles.Find(name)!)]),
            folder.File("out")), steps, TestContext.Current.CancellationToken);
        Assert.Equal(2, made.Variants.Count(report => report.Scheme == "int8-weights"));
        Assert.Equal(["Making x64-int8-weights"],
            steps.Said.Where(step => step.Contains(": ranking", StringComparison.Ordinal)).Select(step => step.Split(" (")[0]).Distinct());
        Assert.Equal(File.ReadAllBytes(folder.File("out/x64-int8-weights.onnx")),
            File.ReadAllBytes(folder.File("out/arm-cpu-int8-weights.onnx")));
    }

    [Theory]
    [InlineData(5, "latency", 30)] // the scheme's own aim, beyond the budget
    [InlineData(5, "size", 5)]     // bytes are what counts
    [InlineData(40, "latency", 40)] // a budget beyond the aim
    public void Weights_aim_at_30_decibels_or_at_the_budget(double budget, string goal, double expected)
    {
        using var folder = new ScratchFolder();
        var model = Noisy().Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 40, 3);
        var report = new VariantMaker(X64).Make(new VariantRequest(model, null, HeldOut.Of(samples.Feeds("x")),
            VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-weights"], MinimumSignalToNoise = budget, Goal = goal },
                [BuiltInProfiles.Find("arm-cpu")!]),
            folder.File("out")), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.Single(report =>
                report.Scheme == "int8-weights");
        Assert.Equal(goal != "size", report.Layers.Any(layer => layer.Fate == LayerFate.ReturnedToFloat));
        Assert.InRange(report.Closeness!.SignalToNoise, expected, goal == "size" ? 29.9 : 200);
    }

    [Fact]
    public void Cancelled_work_stops()
    {
        using var folder = new ScratchFolder();
        var model = Classifier().Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 10, 1);
        Assert.ThrowsAny<OperationCanceledException>(
            () => Make(folder, model, new QuantizationSpec(), samples, samples, new CancellationToken(canceled: true)));
    }

    /// <summary>
    /// Two matrices, the first of which multiplies few large numbers with many small ones: at 8 bits about 20 dB, and the second well.
    /// </summary>
    private static GraphBuilder Noisy()
    {
        var values = new float[128 * 64];
        var random = new Random(5);
        for (var i = 0; i < values.Length; i++) values[i] = (random.NextSingle() - 0.5f) * (random.Next(200) == 0 ? 200 : 1);
        return new GraphBuilder().Input("x", -1, 128).Constant(Tensors.Of("w1", values, 128, 64)).Weight("w2", 64, 32)
            .Node("MatMul", ["x", "w1"], "h", node => node.Name = "first").Node("Tanh", ["h"], "t")
            .Node("MatMul", ["t", "w2"], "y", node => node.Name = "second").Output("y", -1, 32);
    }

    private sealed class Steps : IProgress<BuildProgress>
    {
        public List<string> Said { get; } = [];

        public void Report(BuildProgress value) => Said.Add(value.Step);
    }

    /// <summary>Two hidden layers over 128 features, 60,000 parameters; labels are what the float model says.</summary>
    private static GraphBuilder Classifier() => new GraphBuilder().Input("x", -1, 128)
        .Weight("w1", 128, 256).Weight("b1", 256).Weight("w2", 256, 100).Weight("b2", 100).Weight("w3", 100, 6).Weight("b3", 6)
        .Node("Gemm", ["x", "w1", "b1"], "g1").Node("Relu", ["g1"], "r1").Node("Gemm", ["r1", "w2", "b2"], "g2").Node("Relu", ["g2"], "r2")
        .Node("Gemm", ["r2", "w3", "b3"], "y")
        .Output("y", -1, 6);

    /// <summary>
    /// Adds to one hidden layer a feature ten thousand times larger than the rest, whose weight is almost zero: one scale cannot hold both.
    /// </summary>
    private static GraphBuilder Hostile()
    {
        return new GraphBuilder().Input("x", -1, 128).Constant(Tensors.Of("high", [15f])).Constant(Tensors.Of("low", [1 / 15f]))
            .Weight("w", 128, 6).Weight("u1", 6, 32).Weight("u2", 32, 6)
            .Node("Pow", ["x", "high"], "m").Node("MatMul", ["m", "w"], "wide", node => node.Name = "wide")
            .Node("Abs", ["wide"], "size").Node("Pow", ["size", "low"], "root").Node("Sign", ["wide"], "sign")
            .Node("Mul", ["root", "sign"], "narrow")
            .Node("MatMul", ["narrow", "u1"], "h", node => node.Name = "first").Node("Relu", ["h"], "r")
            .Node("MatMul", ["r", "u2"], "t", node => node.Name = "second")
            .Node("Add", ["t", "narrow"], "y").Output("y", -1, 6);
    }

    private static IReadOnlyList<VariantReport> Make(ScratchFolder folder, string model, QuantizationSpec spec)
    {
        var calibration = Labelled(model, 300, seed: 1);
        var test = Labelled(model, 400, seed: 2);
        return Make(folder, model, spec, calibration, test, TestContext.Current.CancellationToken);
    }

    private static IReadOnlyList<VariantReport> Make(
        ScratchFolder folder, string model, QuantizationSpec spec, TinySamples calibration, TinySamples test,
        CancellationToken cancellationToken)
        => new VariantMaker(X64).Make(new VariantRequest(model, calibration.Feeds("x"), HeldOut.Of(test.Feeds("x"), test.Labels),
            VariantSettings.Of(spec, [.. spec.Profiles.Select(name => BuiltInProfiles.Find(name)!)]), folder.File("out")),
                new Progress<BuildProgress>(), cancellationToken).Variants;

    private static TinySamples Labelled(string path, int count, int seed)
    {
        var samples = TinyModels.SamplesFor(OnnxFile.Load(path), count, seed);
        using var session = OnnxRuntimeSession.Open(path);
        var outputs = ModelOutputs.Of(session, samples.Feeds("x"), CancellationToken.None);
        return samples with { Labels = [.. outputs.Decisions()] };
    }
}
