using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Onnx;
using Google.Protobuf;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

public sealed class Float16Tests
{
    public static TheoryData<string> Names() => [.. TinyModels.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Outputs_stay_close_and_callers_see_the_same_types(string model)
    {
        var (half, source) = Convert(TinyModels.All[model]());
        Assert.All(half.Graph.Input.Concat(half.Graph.Output), value => Assert.Equal((int)DataType.Float, value.Type.TensorType.ElemType));
        Assert.DoesNotContain(half.Graph.Initializer, tensor => tensor.Is(DataType.Float) && tensor.Elements() > 1);
        Assert.InRange(SignalToNoise(half, source), 50, double.PositiveInfinity);
    }

    [Fact]
    public void Value_too_large_for_16_bits_is_clamped_and_a_tiny_one_does_not_vanish()
    {
        var model = new GraphBuilder().Input("x", 1, 4).Constant(Tensors.Of("w", [1e6f, -1e6f, 1e-12f, 0f], 4))
            .Node("Mul", ["x", "w"], "y").Output("y", 1, 4).Build();
        var (half, _) = Convert(model);
        Assert.Equal([65504f, -65504f, 5.96e-8f, 0f],
            half.Graph.Initializer.Single().ToSingles().Select(value => MathF.Abs(value) < 1e-6f && value != 0 ? 5.96e-8f : value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_taken_off_a_large_reading_is_taken_off_in_32_bits(bool scaled)
    {
        // Readings of about 9,000 that differ by tenths, as a turbine's speed does.
        var graph = new GraphBuilder().Input("x", -1, 8).Constant(Tensors.Of("mean", [9000f], 1)).Constant(Tensors.Of("scale", [10f], 1))
            .Weight("w", 8, 16).Node("Sub", ["x", "mean"], "centred");
        if (scaled) graph.Node("Mul", ["centred", "scale"], "standardized");
        var model = graph.Node("MatMul", [scaled ? "standardized" : "centred", "w"], "y").Output("y", -1, 16).Build();
        var (half, source) = Convert(model);
        var random = new Random(1);
        var readings = new TinySamples([.. Enumerable.Range(0, 16 * 8).Select(_ => 9000 + random.NextSingle())], [8], new long[16]);
        Assert.InRange(SignalToNoise(half, source, readings), 50, double.PositiveInfinity);
        Assert.Equal(9000f, half.Graph.Initializer.Single(tensor => tensor.Name == "mean").ToSingles().Single());
        Assert.Contains(half.Graph.Initializer, tensor => tensor.Is(DataType.Float16) && tensor.Elements() == 8 * 16);
    }

    [Fact]
    public void Operators_that_overflow_in_16_bits_stay_in_32()
    {
        var model = new GraphBuilder().Input("x", -1, 32).Constant(Tensors.Of("two", [2f]))
            .Constant(Tensors.Of("axes", [1L], 1)).Weight("w", 32, 8)
            .Node("MatMul", ["x", "w"], "m").Node("Pow", ["m", "two"], "p").Node("Sqrt", ["p"], "y").Output("y", -1, 8).Build();
        var (half, source) = Convert(model);
        var power = half.Graph.Node.Single(node => node.OpType == "Pow");
        Assert.Equal("m", power.Input[0]);
        Assert.InRange(SignalToNoise(half, source), 50, double.PositiveInfinity);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Model_with_all_its_weights_in_branches_is_refused_and_not_offered(bool number)
    {
        var branches = ScopesTests.Branches(sameWeights: false);
        if (number)
        {
            // A number that stands alone is not a weight.
            branches.Graph.Initializer.Add(Tensors.Of("half", [0.5f]));
            branches.Graph.Node.Add(Nodes.Node("Mul", [branches.Graph.Input[0].Name, "half"], ["scaled"]));
        }
        var model = new PreparedModel(branches);
        var scheme = QuantizationSchemes.Named("fp16");
        Assert.False(scheme.Suits(model.Graph));
        var source = new QuantizationSource(model, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"));
        var refusal = Assert.Throws<InvalidDataException>(() => scheme.Apply(source, new HashSet<string>()));
        Assert.Contains("no float weights that fp16 converts", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Branch_finds_what_it_takes_from_outside_in_32_bits()
    {
        var branch = new GraphProto { Name = "branch" };
        branch.Node.Add(Nodes.Node("Neg", ["h"], ["negated"]));
        branch.Output.Add(new ValueInfoProto
        {
            Name = "negated",
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1 } },
        });
        var other = branch.Clone();
        other.Node[0].OpType = "Abs";
        var model = new GraphBuilder().Input("x", 1, 16).Weight("w", 16, 8).Weight("v", 8, 4)
            .Constant(new TensorProto { Name = "zero", DataType = 1, RawData = ByteString.CopyFrom(new byte[4]) })
            .Constant(Tensors.Of("axes", [0L, 1], 2))
            .Node("MatMul", ["x", "w"], "h").Node("ReduceSum", ["x", "axes"], "sum", node => node.With("keepdims", 0))
            .Node("Greater", ["sum", "zero"], "condition")
            .Node("If", ["condition"], "chosen", node =>
            {
                node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeType.Graph, G = branch });
                node.Attribute.Add(new AttributeProto { Name = "else_branch", Type = AttributeType.Graph, G = other });
            })
            .Node("MatMul", ["chosen", "v"], "y").Output("y", 1, 4).Build();
        var (half, source) = Convert(model);
        Assert.Contains(half.Graph.Node, node => node.OpType == "If");
        Assert.InRange(SignalToNoise(half, source), 50, double.PositiveInfinity);
    }

    private static (ModelProto Half, ModelProto Source) Convert(ModelProto model)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        return (QuantizationSchemes.Float16.Apply(
            new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")), new HashSet<string>()),
                prepared.Model);
    }

    private static double SignalToNoise(ModelProto model, ModelProto source, TinySamples? samples = null)
    {
        float[] Run(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test");
            return ModelOutputs.Of(session, (samples ?? TinyModels.SamplesFor(source, 16, seed: 3)).Feeds("x"),
                TestContext.Current.CancellationToken).Values;
        }
        return Judgement.SignalToNoise(Run(model), Run(source));
    }
}
