using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Schemes;
using Fleet.Quantization.Writing;
using Google.Protobuf;

namespace Fleet.Quantization.Tests.Writing;

/// <summary>Signed weights that saturate on no processor, whoever loads the file.</summary>
public sealed class UnsaturatedScalesTests
{
    private static readonly Dictionary<string, Func<ModelProto>> Loud = new()
    {
        ["conv of six channels"] = () => Conv(channels: 6),
        ["conv of five channels"] = () => Conv(channels: 5),
        ["conv in two groups"] = () => Conv(channels: 6, groups: 2),
        ["conv of each channel by itself"] = () => Conv(channels: 6, groups: 6),
        ["product"] = () => new GraphBuilder().Input("x", -1, 4, 33).Constant(Positive("w", 33, 16)).Node("MatMul", ["x", "w"], "y")
            .Output("y", -1, 4, 16).Build(),
        ["turned product"] = () => new GraphBuilder().Input("x", -1, 34).Constant(Positive("w", 16, 34)).Constant(Positive("b", 16))
            .Node("Gemm", ["x", "w", "b"], "y", node => node.With("transB", 1)).Output("y", -1, 16).Build(),
    };

    public static TheoryData<string, string> Cases() => new(Loud.Keys.Select(model => (model, "int8-static-u8s8"))
        .Concat([("product", "int8-dynamic"), ("turned product", "int8-dynamic")]));

    /// <summary>Without VNNI these saturate when each channel takes all of its range; with it they never do.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Answers_without_the_guard_are_those_with_it_bit_by_bit(string model, string scheme)
    {
        using var folder = new ScratchFolder();
        var made = QuantizedModel.Of(Loud[model](), scheme, folder).Model;
        var samples = TinyModels.SamplesFor(made, 4, seed: 3);
        // The smallest or the largest integer each.
        var ends = (samples with { Inputs = Array.ConvertAll(samples.Inputs, value => value < 0 ? -100f : 100) }).Feeds("x");
        float[] Run(RuntimeSettings settings)
        {
            using var session = OnnxRuntimeSession.Open(made.ToByteArray(), model, settings);
            return ModelOutputs.Of(session, ends, TestContext.Current.CancellationToken).Values;
        }
        Assert.Equal(Run(BuiltInProfiles.X64.Runtime), Run(OnnxRuntimeSession.Plain));
    }

    [Theory, MemberData(nameof(Cases))]
    public void File_names_no_guard_and_its_profile_sets_none(string model, string scheme)
    {
        using var folder = new ScratchFolder();
        var made = QuantizedModel.Of(Loud[model](), scheme, folder);
        Assert.Empty(NeededSettings.Of(made.Model, made.Scheme.Needs).Entries);
        Assert.Empty(made.Scheme.Runtime(BuiltInProfiles.X64.Runtime).SessionEntries);
    }

    [Fact]
    public void Form_that_other_processors_want_keeps_its_range_and_the_guard()
    {
        using var folder = new ScratchFolder();
        var made = QuantizedModel.Of(Loud["product"](), "int8-static-s8s8", folder);
        Assert.Equal([new("session.x64quantprecision", "1")], NeededSettings.Of(made.Model, made.Scheme.Needs).Entries);
        Assert.NotEmpty(made.Scheme.Runtime(BuiltInProfiles.X64.Runtime).SessionEntries);
    }

    /// <summary>
    /// Neighbours of a sum of three channels at two places: two channels, then the third and the first of the next place.
    /// </summary>
    [Fact]
    public void Convolution_sums_channel_by_channel_at_each_place()
    {
        var order = SumOrder.Of(Nodes.Node("Conv", ["x", "w"], ["y"]), [1, 3, 1, 2])!.Value;
        Assert.Equal([11f], order.LargestPairs([1, 20, 4, -3, -9, 1]));
    }

    [Fact]
    public void Weights_that_alternate_keep_all_of_their_range()
    {
        var product = WeightedOperator.At(Nodes.Node("MatMul", ["x", "w"], ["y"]), new OnnxGraph(new GraphBuilder()
            .Input("x", -1, 4).Constant(Tensors.Of("w", [1f, -1, 1, -1], 4, 1)).Node("MatMul", ["x", "w"], "y")
            .Output("y", -1, 1).Build()))!;
        Assert.Equal([0f], UnsaturatedScales.Of(product)!);
    }

    private static ModelProto Conv(int channels, int groups = 1) => new GraphBuilder().Input("x", -1, channels, 8, 8)
        .Constant(Positive("w", 6, channels / groups, 3, 3)).Constant(Positive("b", 6))
        .Node("Conv", ["x", "w", "b"], "y", node => node.With("pads", [1L, 1, 1, 1]).With("group", groups))
        .Output("y", -1, 6, 8, 8).Build();

    /// <summary>Weights of which each is near the largest.</summary>
    private static TensorProto Positive(string name, params long[] extents)
    {
        var random = new Random(5);
        return Tensors.Of(name, [
            .. Enumerable.Range(0, (int)extents.Aggregate(1L, (product, extent) => product * extent))
                .Select(_ => 0.8f + random.NextSingle() / 5),
        ], extents);
    }
}
