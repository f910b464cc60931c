using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Google.Protobuf;

namespace Fleet.Quantization.Tests;

/// <summary>A person's own model: several inputs, no labels, maybe no samples.</summary>
public sealed class QuantizerTests
{
    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2", "avx512_vnni"] };

    [Theory]
    [InlineData("int8-dynamic", "gemm", 30)]
    [InlineData("int8-dynamic", "matmul-add", 30)]
    [InlineData("int4-weights", "gemm", 12)]
    [InlineData("int4-weights", "matmul-add", 12)]
    [InlineData("int4-weights-hqq", "gemm", 12)]
    [InlineData("int4-weights-hqq", "matmul-add", 12)]
    [InlineData("int4-weights-portable", "gemm", 12)]
    [InlineData("int4-weights-portable", "matmul-add", 12)]
    public void Scheme_without_samples_stays_close(string scheme, string name, double decibels)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.All[name](), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var model = QuantizationSchemes.Named(scheme)
            .Apply(new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")),
                new HashSet<string>());
        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        float[] Run(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(
                one.ToByteArray(), "test", BuiltInProfiles.X64.Runtime.On(ThisMachine.Facts.IsaFlags));
            return ModelOutputs.Of(session, TinyModels.SamplesFor(prepared.Model, 32, seed: 2).Feeds("x"),
                TestContext.Current.CancellationToken).Values;
        }
        Assert.InRange(Judgement.SignalToNoise(Run(model), Run(prepared.Model)), decibels, 90);
    }

    [Fact]
    public void Four_bits_are_packed_low_half_first_and_the_last_block_is_filled_up()
    {
        // One column of 33 rows: a block of 32 whose extreme is -4, and one row left over.
        float[] weights = [-4, 2, 0, .. Enumerable.Repeat(0.5f, 29), 7];
        var packed = BlockWeights.Of(weights, rows: 33, columns: 1, BlockForm.Usual);
        Assert.Equal(2, packed.Blocks);
        Assert.Equal([0.5f, -0.875f], packed.Scales);
        Assert.True(packed.IsSymmetric);
        var bytes = BlockWeights.Packed(packed.Integers, width: 32);
        Assert.Equal(0 | 12 << 4, bytes[0]);
        Assert.Equal(8 | 9 << 4, bytes[1]);
        Assert.Equal(0 | 8 << 4, bytes[16]);
        Assert.All(bytes[17..], filled => Assert.Equal(0x88, filled));
    }

    [Fact]
    public void Variant_whose_interval_reaches_past_what_is_asked_is_accepted_and_marked()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.Gemm(), folder.File("m.onnx"));
        VariantReport Asking(double decibels) => new Quantizer(machine: X64).Run(new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = folder.File("m.onnx"), Validation = SampleSource.Synthetic },
            Quantization = new QuantizationSpec
            {
                Profiles = ["arm-cpu"],
                Schemes = ["int8-dynamic"],
                MinimumSignalToNoise = decibels,
                Effort = "fast",
            },
        }, folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants[0];
        var easily = Asking(5);
        Assert.Equal((true, false), (easily.Accepted, easily.ReachesPastLimit));
        var interval = easily.Intervals.Single(one => one.Name == "signalToNoise");
        var barely = Asking(interval.Low + 0.1 * (easily.Closeness!.SignalToNoise - interval.Low));
        Assert.Equal((true, true), (barely.Accepted, barely.ReachesPastLimit));
        Assert.Contains(barely.Reasons, reason => reason.Contains("its interval reaches below", StringComparison.Ordinal));
    }

    [Fact]
    public void Model_of_several_inputs_is_judged_without_labels_and_one_variant_is_chosen_for_each_profile()
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, "synthetic", 20);
        var variants = report.Variants;
        Assert.Equal((true, 32), (report.Calibration!.IsMadeUp, report.Calibration.Count));
        Assert.Equal([new InputShape("x", [1, 4, 64])], report.Calibration.Shapes!); // the other input is a scalar
        Assert.False(report.Labelled);
        Assert.Equal(64 * 128 + 128 + 128 * 64, report.Parameters);
        Assert.All(variants.GroupBy(variant => variant.Profile), profile => Assert.Single(profile, variant => variant.Chosen));
        Assert.All(variants.Where(variant => variant.Accepted),
            variant => Assert.InRange(variant.Closeness!.SignalToNoise, 20, Closeness.Exact));
        Assert.All(variants.Where(variant => variant is { Chosen: true, SpeedUp: not null }),
            variant => Assert.True(
                variant.Scheme == "fp32" || variant.SpeedUp >= RelativeSpeed.Equal || variant.SpeedUpInterval!.High >= 1));
        Assert.Contains(variants, variant => variant.Id == "x64-int8" && variant.Accepted);
        Assert.Equal(variants.Select(variant => variant.Artifact).OfType<ArtifactReference>().Select(artifact => artifact.Name).Order(),
            Directory.GetFiles(folder.File("out")).Select(path => Path.GetFileName(path)!).Order());
    }

    [Fact]
    public void Without_samples_only_schemes_that_need_none_are_made()
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, null, 10);
        Assert.Null(report.Calibration);
        Assert.Contains("needs calibration samples", Assert.Single(report.Variants.Single(variant => variant.Id == "x64-int8").Reasons),
            StringComparison.Ordinal);
        Assert.True(report.Variants.Single(variant => variant.Id == "x64-int8-dynamic").Accepted);
    }

    [Fact]
    public void Variant_that_cannot_come_close_is_rejected_and_the_float_model_chosen()
    {
        using var folder = new ScratchFolder();
        var variants = Run(folder, "synthetic", 150).Variants;
        Assert.DoesNotContain(variants, variant => variant.Accepted && variant.Scheme != "fp32");
        Assert.All(variants.Where(variant => variant.Chosen), variant => Assert.Equal("fp32", variant.Scheme));
        Assert.Contains(variants,
            variant => variant.Reasons.Any(reason => reason.Contains("150.0 dB is required", StringComparison.Ordinal)));
    }

    [Fact]
    public void Labels_in_the_samples_make_accuracy_the_measure()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 32).Weight("w", 32, 5).Node("MatMul", ["x", "w"], "y")
            .Output("y", -1, 5).Save(folder);
        var samples = NpyArray.Of([.. Enumerable.Range(0, 40 * 32).Select(i => MathF.Sin(i * 0.37f + i / 32))], 40, 32);
        using (var file = File.Create(folder.File("held-out.npz")))
            NpzArchive.Write(file, [new("x", samples), new("labels", NpyArray.Of([.. Enumerable.Repeat(2L, 40)], 40))]);
        var report = new Quantizer(machine: X64).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec
                {
                    Onnx = model,
                    Calibration = folder.File("held-out.npz"),
                    Validation = folder.File("held-out.npz"),
                },
                Quantization = new QuantizationSpec { Profiles = ["x64"], MaximumDrop = 1 },
            },
            folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.True(report.Labelled);
        Assert.InRange(report.Original.Accuracy!.Value, 0, 0.9);
        Assert.All(report.Variants.Where(variant => variant.Artifact is not null),
            variant => Assert.Equal(report.Original.Accuracy - variant.Scores!.Accuracy, variant.Drop));
    }

    [Fact]
    public void Single_sample_for_everything_is_a_doubt_of_the_report()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 32).Weight("w", 32, 5).Node("MatMul", ["x", "w"], "y")
            .Output("y", -1, 5).Save(folder);
        QuantizationReport Of(int samples)
        {
            var values = NpyArray.Of([.. Enumerable.Range(0, samples * 32).Select(i => MathF.Sin(i * 0.37f + i / 32))], samples, 32);
            using (var file = File.Create(folder.File("some.npz"))) NpzArchive.Write(file, [new("x", values)]);
            return new Quantizer(machine: X64).Run(
                new QuantizationRequest
                {
                    Source = new SourceSpec { Onnx = model, Calibration = folder.File("some.npz"), Validation = folder.File("some.npz") },
                    Quantization = new QuantizationSpec { Profiles = ["arm-cpu"], Schemes = ["int8-static-s8s8"] },
                },
                folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        }
        Assert.StartsWith("One sample fixed the ranges, chose and reports:", Of(1).Doubt, StringComparison.Ordinal);
        Assert.Null(Of(2).Doubt);
    }

    [Fact]
    public void File_that_does_not_exist_is_named()
    {
        using var folder = new ScratchFolder();
        var model = TwoInputs().Save(folder);
        string Refusal(SourceSpec source) => Assert.Throws<InvalidDataException>(() => new Quantizer(machine: X64)
            .Run(new QuantizationRequest { Source = source }, folder.File("out"), new Progress<BuildProgress>(),
                TestContext.Current.CancellationToken)).Message;
        Assert.StartsWith("/none/m.onnx does not exist", Refusal(new SourceSpec { Onnx = "/none/m.onnx", Validation = "synthetic" }),
            StringComparison.Ordinal);
        Assert.StartsWith("/none/v.npz does not exist", Refusal(new SourceSpec { Onnx = model, Validation = "/none/v.npz" }),
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void Arrays_are_matched_by_name_and_sliced_by_sample()
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(TwoInputs().Save(folder));
        var feeds = ArrayFeeds.From(new Dictionary<string, NpyArray>
        {
            ["x"] = NpyArray.Of([.. Enumerable.Range(0, 3 * 4 * 64).Select(i => (float)i)], 3, 1, 4, 64),
            ["gain"] = NpyArray.Of([1f, 2, 3], 3),
        }, ModelInput.Of(session), "samples.npz");
        Assert.Equal(3, feeds.Count);
        var second = feeds.Batches(8).ElementAt(1);
        var values = second.Names.Zip(second.Values).ToDictionary(pair => pair.First, pair => pair.Second);
        Assert.Equal(256, values["x"].GetTensorDataAsSpan<float>()[0]);
        Assert.Equal([2f], values["gain"].GetTensorDataAsSpan<float>().ToArray());
        Assert.Empty(values["gain"].GetTensorTypeAndShape().Shape);
    }

    [Fact]
    public void Arrays_that_do_not_fit_are_refused_by_name_and_shape()
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(TwoInputs().Save(folder));
        var inputs = ModelInput.Of(session);
        string Refusal(Dictionary<string, NpyArray> arrays)
            => Assert.Throws<InvalidDataException>(() => ArrayFeeds.From(arrays, inputs, "samples.npz")).Message;
        var gain = NpyArray.Of([1f, 2], 2);
        Assert.Contains("no array for input 'x'", Refusal(new() { ["gain"] = gain, ["y"] = gain }), StringComparison.Ordinal);
        Assert.Contains("(2, 5)", Refusal(new() { ["gain"] = gain, ["x"] = NpyArray.Of(new float[10], 2, 5) }), StringComparison.Ordinal);
        Assert.Contains("3 and 2 samples", Refusal(new() { ["gain"] = gain, ["x"] = NpyArray.Of(new float[3 * 256], 3, 1, 4, 64) }),
            StringComparison.Ordinal);
    }

    private static QuantizationReport Run(ScratchFolder folder, string? calibration, double decibels) => new Quantizer(machine: X64).Run(
        new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = TwoInputs().Save(folder), Calibration = calibration, Validation = "synthetic" },
            Quantization = new QuantizationSpec { Profiles = ["x64", "arm-cpu"], Calibrator = "minmax", MinimumSignalToNoise = decibels },
        },
        folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);

    /// <summary>A sequence of free length and a scalar.</summary>
    private static GraphBuilder TwoInputs() => new GraphBuilder().Input("x", -1, 4, 64).Input("gain")
        .Weight("w1", 64, 128).Weight("b1", 128).Weight("w2", 128, 64)
        .Node("Mul", ["x", "gain"], "scaled").Node("MatMul", ["scaled", "w1"], "m").Node("Add", ["m", "b1"], "a").Node("Relu", ["a"], "r")
        .Node("MatMul", ["r", "w2"], "y")
        .Output("y", -1, 4, 64);
}
