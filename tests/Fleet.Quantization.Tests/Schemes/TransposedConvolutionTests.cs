using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>Operators that static int8 has no integer kernel for, beside some that it has.</summary>
public sealed class TransposedConvolutionTests
{
    private static readonly string[] OfProcessors = ["int8-static-u8s8", "int8-static-u8u8", "int8-static-s8s8"];

    public static TheoryData<string, string> Cases()
        => new(OfProcessors.SelectMany(
            scheme => new[] { "decoder", "groups", "depthwise", "gru" }.Select(model => (model, scheme))));

    [Theory, MemberData(nameof(Cases))]
    public void Weights_without_an_integer_kernel_are_bytes_in_the_file_and_float_once_loaded(string model, string scheme)
    {
        using var folder = new ScratchFolder();
        var quantized = QuantizedModel.Of(Model(model), scheme, folder);
        Assert.Empty(OnnxGraph.ProblemsOf(quantized.Model.Graph));
        Assert.InRange(quantized.Share, 0.2, 0.5);
        Assert.InRange(quantized.SignalToNoise(), 25, 80);

        // Nothing is left to compute at a run: what the runtime reads is a float constant.
        var loaded = quantized.Loaded(folder);
        var readers = Scopes.NodesOf(loaded.Graph).Where(node => node.OpType is "ConvTranspose" or "GRU").ToArray();
        Assert.NotEmpty(readers);
        Assert.All(readers, node => Assert.True(loaded.Constant(node.Input[1])?.Is(DataType.Float), node.Title()));
        Assert.Equal(readers.Select(node => node.Output.First(output => output.Length > 0)).Order(),
            quantized.Scheme.InFloat(quantized.Source.Graph).Order());
    }

    [Theory]
    [InlineData("decoder")]
    [InlineData("groups")]
    [InlineData("depthwise")]
    public void For_TensorRT_they_are_integers_like_any_convolution(string model)
    {
        using var folder = new ScratchFolder();
        var quantized = QuantizedModel.Of(Model(model), "int8-static-symmetric", folder);
        Assert.Empty(TensorRtRules.ProblemsOf(quantized.Model));
        Assert.InRange(quantized.Share, 0.2, 0.5);
        Assert.InRange(quantized.SignalToNoise(), 28, 80);
        Assert.Empty(quantized.Scheme.InFloat(quantized.Source.Graph));

        var graph = new OnnxGraph(quantized.Model);
        var transposed = graph.Graph.Node.Where(node => node.OpType == "ConvTranspose").ToArray();
        Assert.NotEmpty(transposed);
        Assert.All(transposed, node => Assert.Equal(
            ("DequantizeLinear", "DequantizeLinear"), (graph.ProducerOf(node.Input[0])?.OpType, graph.ProducerOf(node.Input[1])?.OpType)));
        // On a processor nobody may take that for integers.
        OnnxFile.Save(quantized.Model, folder.File("t.onnx"));
        var unfused = FusionCheck.UnfusedOperatorsOf(folder.File("t.onnx"), OnnxRuntimeSession.Plain);
        Assert.All(transposed, node => Assert.Contains(node.Title(), unfused));
    }

    [Fact]
    public void Scales_along_a_wrong_axis_break_a_rule_of_TensorRT()
    {
        using var folder = new ScratchFolder();
        var model = QuantizedModel.Of(Model("decoder"), "int8-static-symmetric", folder).Model;
        var graph = new OnnxGraph(model);
        graph.ProducerOf(graph.Graph.Node.First(node => node.OpType == "ConvTranspose").Input[1])!.With("axis", 0L);
        Assert.Contains("axis 0; axis 1 counts", Assert.Single(TensorRtRules.ProblemsOf(model)), StringComparison.Ordinal);
    }

    [Fact]
    public void Kept_for_accuracy_they_keep_their_floats()
    {
        using var folder = new ScratchFolder();
        var kept = QuantizedModel.Of(Model("decoder"), "int8-static-u8s8", folder, new HashSet<string> { "c" });
        Assert.Contains(kept.Model.Graph.Initializer, tensor => tensor.Name == "w1" && tensor.Is(DataType.Float));
        Assert.DoesNotContain(kept.Model.Graph.Initializer, tensor => tensor.Name == "w2");
    }

    [Fact]
    public void Report_says_what_computes_in_float_and_no_variant_is_made_of_the_rest_alone()
    {
        using var folder = new ScratchFolder();
        var model = folder.File("given.onnx");
        OnnxFile.Save(Model("decoder"), model);
        var samples = TinyModels.SamplesFor(Model("decoder"), 16, seed: 3);
        var made = new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2", "avx512_vnni"] }).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec(), [BuiltInProfiles.X64]), folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
        var integer = made.Single(variant => variant.Scheme == "int8-static-u8s8");
        Assert.Contains("Computed in float, for which the runtime has no integer kernel; their weights are bytes in the file alone: "
            + "ConvTranspose, ConvTranspose_2.", integer.Reasons);
        Assert.DoesNotContain(integer.Layers, layer => layer.Fate == LayerFate.NotQuantizable);
        // Without the first layer two hundred of 35,000 weights would be integers.
        Assert.DoesNotContain(made, variant => variant.Scheme == "int8-static-u8s8-float-stem");
    }

    [Fact]
    public void Form_that_keeps_the_only_convolution_in_float_says_that_and_not_that_there_is_none()
    {
        using var folder = new ScratchFolder();
        var refusal = Assert.Throws<InvalidDataException>(
            () => QuantizedModel.Of(Model("groups"), "int8-static-u8s8-float-stem", folder));
        Assert.StartsWith("Beyond the first layers, which this scheme keeps in float, the model has no Conv, Gemm or MatMul",
            refusal.Message, StringComparison.Ordinal);
    }

    private static ModelProto Model(string name) => name switch
    {
        "decoder" => new GraphBuilder().Input("x", -1, 3, 16, 16).Weight("w0", 48, 3, 3, 3).Weight("b0", 48)
            .Weight("w1", 48, 48, 2, 2).Weight("b1", 48).Weight("w2", 48, 48, 2, 2).Weight("b2", 48).Weight("w3", 4, 48, 1, 1)
            .Node("Conv", ["x", "w0", "b0"], "a", node => node.With("pads", [1, 1, 1, 1]).With("strides", [2, 2]))
            .Node("Relu", ["a"], "r")
            .Node("ConvTranspose", ["r", "w1", "b1"], "c", Twice).Node("Relu", ["c"], "d")
            .Node("ConvTranspose", ["d", "w2", "b2"], "e", Twice).Node("Relu", ["e"], "g").Node("Conv", ["g", "w3"], "y")
            .Output("y", -1, 4, 32, 32).Build(),
        "groups" => Behind("ConvTranspose", outputs: 64, perGroup: 32, groups: 2),
        "depthwise" => Behind("ConvTranspose", outputs: 64, perGroup: 1, groups: 64),
        _ => new GraphBuilder().Input("x", 6, 1, 32).Weight("v", 32, 32).Weight("w", 1, 96, 32).Weight("r", 1, 96, 32)
            .Node("MatMul", ["x", "v"], "m").Node("GRU", ["m", "w", "r"], "y", node => node.With("hidden_size", 32))
            .Output("y", 6, 1, 1, 32).Build(),
    };

    private static ModelProto Behind(string operation, int outputs, int perGroup, int groups)
        => new GraphBuilder().Input("x", -1, 3, 8, 8).Weight("w0", 64, 3, 3, 3).Weight("w", 64, perGroup, 4, 4).Weight("b", outputs)
            .Node("Conv", ["x", "w0"], "a", node => node.With("pads", [1, 1, 1, 1])).Node("Relu", ["a"], "r")
            .Node(operation, ["r", "w", "b"], "y",
                node => node.With("group", groups).With("strides", [2, 2]).With("pads", [1, 1, 1, 1]).With("kernel_shape", [4, 4]))
            .Output("y", -1, outputs, 16, 16).Build();

    private static void Twice(NodeProto node) => node.With("kernel_shape", [2, 2]).With("strides", [2, 2]);
}
