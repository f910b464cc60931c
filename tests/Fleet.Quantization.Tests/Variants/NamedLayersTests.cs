using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>Layers that a person keeps float, or wants quantized alone.</summary>
public sealed class NamedLayersTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What an interface says by default a scheme that wraps another must not.</summary>
    [Fact]
    public void Scheme_that_holds_layers_back_answers_everything_for_itself()
    {
        var map = typeof(HeldScheme).GetInterfaceMap(typeof(IQuantizationScheme));
        Assert.All(map.TargetMethods, method => Assert.Equal(typeof(HeldScheme), method.DeclaringType));
    }

    [Theory]
    [InlineData("int8-static-u8s8", "float")]
    [InlineData("int8-dynamic", "float")]
    [InlineData("int8-weights", "float")]
    [InlineData("int4-weights-hqq", "float")]
    [InlineData("fp16", "32 bits")]
    public void Kept_layer_is_float_in_every_scheme_and_named(string scheme, string numbers)
    {
        var report = Made(scheme, keep: ["second"]);
        Assert.True(report.Artifact is not null, string.Join(" ", report.Reasons));
        var model = OnnxFile.Load(_folder.File($"out/{report.Artifact.Name}"));
        // Its matrix is there as it was given, the others are not.
        Assert.Equal(["w2"], FloatWeightsOf(model));
        Assert.Contains($"Kept in {numbers} because that was asked for: second.", report.Reasons);
        Assert.Equal(LayerFate.Asked, report.Layers.Single(layer => layer.Layer == "second").Fate);
    }

    [Theory]
    [InlineData("first", "w1")] // a name
    [InlineData("h", "w1")] // a value that it makes
    [InlineData("f*t", "w1")]
    [InlineData("MatMul", "w1,w2,w3")] // all of a kind
    [InlineData("matmul", "w1,w2,w3")]
    public void Layer_is_named_by_itself_its_value_or_its_kind(string name, string alone)
    {
        var layers = NamedLayers.In(Prepared(), [], [name])!;
        Assert.Equal(alone.Split(','), Prepared().Graph.Node.Where(node => node.OpType == "MatMul" && layers.MayChange(node.Output[0]))
            .Select(node => node.Input[1]));
    }

    [Fact]
    public void Only_what_is_named_is_quantized()
    {
        var report = Made("int8-static-u8s8", only: ["first"]);
        Assert.Equal(["w2", "w3"], FloatWeightsOf(OnnxFile.Load(_folder.File($"out/{report.Artifact!.Name}"))));
        Assert.Contains(report.Reasons, reason => reason is "Kept in float because that was asked for: second, third."
            or "Kept in float because that was asked for: third, second.");
    }

    [Fact]
    public void Product_that_took_in_the_sum_behind_it_is_found_by_its_own_name_and_kind()
    {
        var graph = PreparedModel.From(new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 8).Weight("b", 8)
            .Node("MatMul", ["x", "w"], "h", node => node.Name = "dense").Node("Add", ["h", "b"], "y").Output("y", -1, 8).Save(_folder),
            _folder.Path).Graph;
        Assert.Equal("Gemm", Assert.Single(graph.Graph.Node).OpType);
        foreach (var name in (string[])["dense", "dense/MatMulAddFusion", "MatMul", "Gemm"])
            Assert.Equal(["y"], NamedLayers.In(graph, [name], [])!.Kept);
    }

    [Fact]
    public void Operator_without_weights_that_is_kept_carries_no_integers()
    {
        var graph = PreparedModel.From(new GraphBuilder().Input("x", 1, 8, 4, 4).Weight("w1", 8, 8, 1, 1).Weight("w2", 8, 8, 1, 1)
            .Node("Conv", ["x", "w1"], "h").Node("Conv", ["h", "w2"], "g").Node("Add", ["h", "g"], "s")
            .Node("AveragePool", ["s"], "p", node => node.With("kernel_shape", [2L, 2])).Node("Conv", ["p", "w1"], "y")
            .Output("y", 1, 8, 3, 3).Save(_folder), _folder.Path).Graph;
        IReadOnlySet<string> Values(params string[] keep)
            => QuantizationPlan.For(graph, IntegerForm.U8S8, NamedLayers.In(graph, keep, [])?.Kept ?? new HashSet<string>()).Values;
        Assert.Contains("s", Values());
        Assert.DoesNotContain("s", Values("Add"));
        Assert.Superset(new HashSet<string> { "x", "h", "g", "p" }, Values("Add").ToHashSet());
    }

    [Fact]
    public void Nothing_left_to_quantize_is_said_and_the_float_model_is_taken()
    {
        var reports = Make(["int8-static-u8s8"], keep: ["MatMul"], []);
        Assert.Contains("Nothing is left for it to quantize: all that it could stays float, as was asked for.", reports[0].Reasons);
        Assert.True(reports[^1] is { Scheme: "fp32", Chosen: true });
    }

    [Theory]
    [InlineData("secnd", "did you mean 'second'?")]
    [InlineData("Matmull", "did you mean 'MatMul'?")]
    [InlineData("x9*", "Its operators are MatMul, Relu, Sum; its layers first, second, ")]
    public void Name_that_is_not_of_the_model_is_refused_with_what_is(string name, string remedy)
    {
        var refusal = Assert.Throws<InvalidDataException>(() => Make(["int8-weights"], [name], []));
        Assert.StartsWith($"'{name}' of --keep (in a build spec quantization.keep) is no layer", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Layer_that_is_to_stay_float_and_alone_to_be_quantized_is_refused()
        => Assert.StartsWith("'first' of --only (in a build spec quantization.only) is to stay float by --keep",
            Assert.Throws<InvalidDataException>(() => Make(["int8-weights"], ["f*"], ["second", "first"])).Message,
            StringComparison.Ordinal);

    private VariantReport Made(string scheme, string[]? keep = null, string[]? only = null)
        => Make([scheme], keep ?? [], only ?? [])[0];

    private IReadOnlyList<VariantReport> Make(string[] schemes, string[] keep, string[] only)
    {
        var model = Model().Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 32, 3);
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec { Schemes = schemes, MinimumSignalToNoise = 5, Keep = keep, Only = only },
                    [BuiltInProfiles.Find("arm-cpu")!]),
                _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
    }

    private OnnxGraph Prepared() => PreparedModel.From(Model().Save(_folder), _folder.Path).Graph;

    private static string[] FloatWeightsOf(ModelProto model)
        => [.. model.Graph.Initializer.Where(tensor => tensor.Name is "w1" or "w2" or "w3"
            && tensor.Is(DataType.Float)).Select(tensor => tensor.Name).Order()];

    /// <summary>Two products side by side, their sum, and a third product of it.</summary>
    private static GraphBuilder Model() => new GraphBuilder().Input("x", -1, 64).Weight("w1", 64, 64).Weight("w2", 64, 64)
        .Weight("w3", 64, 64)
        .Node("MatMul", ["x", "w1"], "h", node => node.Name = "first").Node("MatMul", ["x", "w2"], "g", node => node.Name = "second")
        .Node("Sum", ["h", "g"], "s").Node("Relu", ["s"], "r")
        .Node("MatMul", ["r", "w3"], "y", node => node.Name = "third").Output("y", -1, 64);
}
