using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Calibration;

/// <summary>Branches that no sample runs: named, and float in static int8.</summary>
public sealed class UnreachedBranchTests : IDisposable
{
    private const int Width = 64;
    private const string Else = "the else branch of If choose", Then = "the then branch of If choose", Body = "the body of Loop turn";

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("1", Else)]
    [InlineData("-1", Then)] // the Loop lies within
    [InlineData("0.1", Body, Else)]
    [InlineData("1,-1")]
    public void Branches_are_reached_by_what_samples_hold(string values, params string[] unreached)
        => Assert.Equal(unreached, UnreachedBranch.Of(OnnxFile.Load(Save()), Samples(values), TestContext.Current.CancellationToken)
            .Select(branch => branch.Name).Order());

    [Fact]
    public void Static_int8_leaves_what_no_sample_reaches_float_and_says_so_and_others_say_that_no_figure_tells()
    {
        var made = new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(Save(), Samples("1,0.9,0.8,1.1"), HeldOut.Of(Samples("1,0.9,0.8,1.1")), VariantSettings.Of(
                new QuantizationSpec { Schemes = ["int8-static-u8s8", "int8-weights"], Effort = "fast" }, [BuiltInProfiles.X64]),
                _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.ToDictionary(variant => variant.Scheme);
        Assert.Contains("No sample that judges reaches the else branch of If choose: what has weights there stays float.",
            made["int8-static-u8s8"].Reasons);
        Assert.Contains("No sample that judges reaches the else branch of If choose: what rounding costs there is in no figure.",
            made["int8-weights"].Reasons);
        var file = OnnxFile.Load(_folder.File("out/x64-int8.onnx"));
        // The weight of the else branch alone is float still; that of the then branch is bytes.
        Assert.Equal(Width * Width * sizeof(float), Scopes.Of(file.Graph).SelectMany(graph => graph.Initializer)
            .Where(tensor => tensor.Is(DataType.Float) && tensor.Elements() == Width * Width)
            .Sum(tensor => (int)tensor.Elements() * sizeof(float)));
    }

    [Fact]
    public void Where_every_branch_is_reached_nothing_is_said()
    {
        var made = new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(Save(), Samples("1,-1,0.9,-0.9"), HeldOut.Of(Samples("1,-1,0.9,-0.9")), VariantSettings.Of(
                new QuantizationSpec { Schemes = ["int8-static-u8s8"], Effort = "fast" }, [BuiltInProfiles.X64]), _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(made.Variants.SelectMany(variant => variant.Reasons),
            reason => reason.Contains("No sample that judges", StringComparison.Ordinal));
    }

    /// <summary>A sample of each value, which all its numbers have.</summary>
    private static SampleFeeds Samples(string values) => new("x", [
        .. values.Split(',').SelectMany(value => Enumerable.Repeat(
            float.Parse(value, System.Globalization.CultureInfo.InvariantCulture), Width)),
    ], [Width]);

    /// <summary>
    /// A product, then an If by the sign of the sample with a product in each branch; in the first one a Loop that turns once for each
    /// whole in the sample's largest number.
    /// </summary>
    private string Save()
    {
        var loop = Nodes.Node("Loop", ["turns", "", "t"], ["l"]);
        loop.Name = "turn";
        loop.Attribute.Add(InnerGraph.Of("body", new GraphBuilder().Node("Identity", ["go"], "goes").Node("Tanh", ["c"], "d"),
            ["goes", "d"], [("i", DataType.Int64), ("go", DataType.Bool), ("c", DataType.Float)]));
        var random = new Random(8);
        // Weights of their own: what two graphs hold alike is kept once.
        TensorProto Weight(string name)
            => Tensors.Of(name, [.. Enumerable.Range(0, Width * Width).Select(_ => random.NextSingle() - 0.5f)], Width, Width);
        var then = new GraphBuilder().Constant(Weight("wt")).Node("MatMul", ["h", "wt"], "t");
        var branch = InnerGraph.Of("then_branch", then, ["l"]);
        branch.G.Node.Add(loop);
        return new GraphBuilder().Input("x", 1, Width).Constant(Weight("w")).Node("MatMul", ["x", "w"], "h")
            .Constant(Tensors.Of("zero", [0f])).Node("ReduceMax", ["x"], "most", node => node.With("keepdims", 0))
            .Node("Cast", ["most"], "turns", node => node.With("to", (long)DataType.Int64))
            .Node("Greater", ["most", "zero"], "above")
            .Node("If", ["above"], "y", node =>
            {
                node.Name = "choose";
                node.Attribute.Add(branch);
                node.Attribute.Add(InnerGraph.Of(
                    "else_branch", new GraphBuilder().Constant(Weight("we")).Node("MatMul", ["h", "we"], "e"), ["e"]));
            })
            .Output("y", 1, Width).Save(_folder);
    }
}
