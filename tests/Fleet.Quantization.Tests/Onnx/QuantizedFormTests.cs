using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>Models that are quantized already, and float ones that only look so.</summary>
public sealed class QuantizedFormTests
{
    private static readonly IReadOnlyDictionary<string, (Func<GraphBuilder> Model, string? Form)> Rows
        = new Dictionary<string, (Func<GraphBuilder>, string?)>
        {
            ["float"] = (() => Product("w", "y").Weight("w", 4, 4), null),
            ["weights in bytes"] = (() => Product("real", "y").Constant(Tensors.Of("w", new sbyte[16], 4, 4)).Constant(Scale())
                .Node("DequantizeLinear", ["w", "s"], "real"), "DequantizeLinear 1"),
            ["weights in bytes, in a Constant"] = (() => Product("real", "y").Constant(Scale())
                .Node("Constant", [], "w", node => node.Attribute.Add(new AttributeProto
                {
                    Name = "value",
                    Type = AttributeProto.Types.AttributeType.Tensor,
                    T = Tensors.Of("", new sbyte[16], 4, 4),
                }))
                .Node("DequantizeLinear", ["w", "s"], "real"), "DequantizeLinear 1"),
            ["rounded activations"] = (() => Product("w", "y", of: "real").Weight("w", 4, 4).Constant(Scale())
                .Node("QuantizeLinear", ["x", "s"], "q").Node("DequantizeLinear", ["q", "s"], "real"),
                "QuantizeLinear 1, DequantizeLinear 1"),
            ["integer products"] = (() => Product("w", "f").Weight("w", 4, 4).Node("DynamicQuantizeLinear", ["f"], "q")
                .Node("MatMulInteger", ["q", "q"], "y"), "DynamicQuantizeLinear 1, MatMulInteger 1"),
            ["the older form"] = (() => Product("w", "f").Weight("w", 4, 4).Node("QLinearConv", ["f"], "y"), "QLinearConv 1"),
            ["4 bits"] = (() => new GraphBuilder().Input("x", 1, 4)
                .Node("MatMulNBits", ["x", "w", "s"], "y", node => node.Domain = "com.microsoft"), "MatMulNBits 1"),
            // The pixels of a picture come in as bytes, or go out so: the model between is float.
            ["bytes in and out"] = (() => Product("w", "r", of: "real").Weight("w", 4, 4).Constant(Scale())
                .Node("DequantizeLinear", ["x", "s"], "real").Node("QuantizeLinear", ["r", "s"], "y"), null),
        };

    public static TheoryData<string> Kinds => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Model_is_told_by_what_quantization_leaves_in_it(string kind)
        => Assert.Equal(Rows[kind].Form, QuantizedForm.Of(Rows[kind].Model().Output("y", 1, 4).Build()));

    [Fact]
    public void Weights_in_bytes_within_a_branch_count()
    {
        var model = ScopesTests.Branches(sameWeights: false);
        var branch = model.Graph.Node[0].Attribute[0].G;
        branch.Initializer.Add(Tensors.Of("b", new sbyte[256], 16, 16));
        branch.Initializer.Add(Scale());
        branch.Node.Insert(0, Nodes.Node("DequantizeLinear", ["b", "s"], ["w8"]));
        Assert.Equal("DequantizeLinear 1", QuantizedForm.Of(model));
    }

    [Fact]
    public void Rounding_in_a_function_of_the_model_counts()
    {
        var model = new GraphBuilder().Input("x", 1, 4).Node("Rounded", ["x"], "y", node => node.Domain = "own").Output("y", 1, 4).Build();
        var function = new FunctionProto { Domain = "own", Name = "Rounded", Input = { "v" }, Output = { "r" } };
        function.Node.Add(Nodes.Node("QuantizeLinear", ["v", "s"], ["q"]));
        function.Node.Add(Nodes.Node("DequantizeLinear", ["q", "s"], ["r"]));
        model.Functions.Add(function);
        Assert.Equal("QuantizeLinear 1, DequantizeLinear 1", QuantizedForm.Of(model));
    }

    private static GraphBuilder Product(string weight, string output, string of = "x")
        => new GraphBuilder().Input("x", 1, 4).Node("MatMul", [of, weight], output);

    private static TensorProto Scale() => Tensors.Of("s", [0.1f]);
}
