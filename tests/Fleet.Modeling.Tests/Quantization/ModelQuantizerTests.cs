using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Quantization;
using Fleet.Modeling.Tests.Onnx;
using Google.Protobuf;

namespace Fleet.Modeling.Tests.Quantization;

/// <summary>A person's own model: several inputs, no labels, maybe no samples.</summary>
public sealed class ModelQuantizerTests
{
    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2", "avx512_vnni"] };

    [Theory]
    [InlineData("int8-dynamic", "gemm", 30)]
    [InlineData("int8-dynamic", "matmul-add", 30)]
    [InlineData("int4-weights", "gemm", 12)]
    [InlineData("int4-weights", "matmul-add", 12)]
    public void Scheme_without_samples_stays_close(string scheme, string name, double decibels)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.All[name](), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var model = QuantizationSchemes.Named(scheme).Apply(new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")), new HashSet<string>());
        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        float[] Run(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test");
            return ModelOutputs.Of(session, new SampleFeeds("x", TinyModels.SamplesFor(prepared.Model, 32, seed: 2)), TestContext.Current.CancellationToken).Values;
        }
        Assert.InRange(Judgement.SignalToNoise(Run(model), Run(prepared.Model)), decibels, 90);
    }

    [Fact]
    public void Four_bits_are_packed_low_half_first_and_the_last_block_is_filled_up()
    {
        // One column of 33 rows: a block of 32 whose extreme is -4, and one row left over.
        float[] weights = [-4, 2, 0, .. Enumerable.Repeat(0.5f, 29), 7];
        var packed = BlockWeights.Of(weights, rows: 33, columns: 1, blockSize: 32);
        Assert.Equal(2, packed.Blocks);
        Assert.Equal([0.5f, -0.875f], packed.Scales);
        Assert.Equal(0 | 12 << 4, packed.Values[0]);
        Assert.Equal(8 | 9 << 4, packed.Values[1]);
        Assert.Equal(0 | 8 << 4, packed.Values[16]);
        Assert.All(packed.Values[17..], filled => Assert.Equal(0x88, filled));
    }

    [Fact]
    public void Model_of_several_inputs_is_judged_without_labels_and_one_variant_is_chosen_for_each_profile()
    {
        using var folder = new ScratchFolder();
        var model = TwoInputs().Save(folder);
        using var session = OnnxRuntimeSession.Open(model);
        var inputs = ModelInput.Of(session);
        var variants = new ModelQuantizer(X64).Make(model, new SyntheticFeeds(inputs, 32, 1), new SyntheticFeeds(inputs, 16, 2), Settings(20), folder.File("out"), TestContext.Current.CancellationToken);

        Assert.All(variants.GroupBy(variant => variant.Profile), profile => Assert.Single(profile, variant => variant.Chosen));
        Assert.All(variants.Where(variant => variant.Accepted), variant => Assert.InRange(variant.Closeness!.SignalToNoise, 20, double.PositiveInfinity));
        Assert.All(variants.Where(variant => variant is { Chosen: true, SpeedUp: not null }), variant => Assert.True(variant.SpeedUp >= 1));
        Assert.Contains(variants, variant => variant.Id == "x64-int8" && variant.Accepted);
        Assert.Equal(variants.Where(variant => variant.File is not null).Select(variant => variant.File!).Order(), Directory.GetFiles(folder.File("out")).Select(path => Path.GetFileName(path)!).Order());
    }

    [Fact]
    public void Without_samples_only_schemes_that_need_none_are_made()
    {
        using var folder = new ScratchFolder();
        var model = TwoInputs().Save(folder);
        using var session = OnnxRuntimeSession.Open(model);
        var variants = new ModelQuantizer(X64).Make(model, null, new SyntheticFeeds(ModelInput.Of(session), 8, 2), Settings(10), folder.File("out"), TestContext.Current.CancellationToken);
        Assert.Contains("needs calibration samples", Assert.Single(variants.Single(variant => variant.Id == "x64-int8").Reasons), StringComparison.Ordinal);
        Assert.True(variants.Single(variant => variant.Id == "x64-int8-dynamic").Accepted);
    }

    [Fact]
    public void Variant_that_cannot_come_close_is_rejected_and_the_float_model_chosen()
    {
        using var folder = new ScratchFolder();
        var model = TwoInputs().Save(folder);
        using var session = OnnxRuntimeSession.Open(model);
        var inputs = ModelInput.Of(session);
        var variants = new ModelQuantizer(X64).Make(model, new SyntheticFeeds(inputs, 8, 1), new SyntheticFeeds(inputs, 8, 2), Settings(300), folder.File("out"), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(variants, variant => variant.Accepted && variant.Scheme != "fp32");
        Assert.All(variants.Where(variant => variant.Chosen), variant => Assert.Equal("fp32", variant.Scheme));
        Assert.Contains(variants, variant => variant.Reasons.Any(reason => reason.Contains("300.0 dB is required", StringComparison.Ordinal)));
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
        string Refusal(Dictionary<string, NpyArray> arrays) => Assert.Throws<InvalidDataException>(() => ArrayFeeds.From(arrays, inputs, "samples.npz")).Message;
        var gain = NpyArray.Of([1f, 2], 2);
        Assert.Contains("no array for input 'x'", Refusal(new() { ["gain"] = gain, ["y"] = gain }), StringComparison.Ordinal);
        Assert.Contains("(2, 5)", Refusal(new() { ["gain"] = gain, ["x"] = NpyArray.Of(new float[10], 2, 5) }), StringComparison.Ordinal);
        Assert.Contains("3 and 2 samples", Refusal(new() { ["gain"] = gain, ["x"] = NpyArray.Of(new float[3 * 256], 3, 1, 4, 64) }), StringComparison.Ordinal);
    }

    private static ModelQuantization Settings(double decibels) => new([BuiltInProfiles.X64, BuiltInProfiles.ArmCpu], [], Calibrators.Named("minmax"), decibels);

    /// <summary>A sequence of free length and a scalar.</summary>
    private static GraphBuilder TwoInputs() => new GraphBuilder().Input("x", -1, 4, 64).Input("gain")
        .Weight("w1", 64, 128).Weight("b1", 128).Weight("w2", 128, 64)
        .Node("Mul", ["x", "gain"], "scaled").Node("MatMul", ["scaled", "w1"], "m").Node("Add", ["m", "b1"], "a").Node("Relu", ["a"], "r").Node("MatMul", ["r", "w2"], "y")
        .Output("y", -1, 4, 64);
}
