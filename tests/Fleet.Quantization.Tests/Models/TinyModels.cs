using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Tests.Models;

/// <summary>The smallest graphs in which each rule of the quantizer shows.</summary>
internal static class TinyModels
{
    public static readonly IReadOnlyDictionary<string, Func<ModelProto>> All = new Dictionary<string, Func<ModelProto>>
    {
        ["conv-relu"] = ConvRelu,
        ["residual"] = Residual,
        ["depthwise"] = Depthwise,
        ["gemm"] = Gemm,
        ["matmul-add"] = MatMulAdd,
        ["concat-pool"] = ConcatPool,
    };

    public static ModelProto ConvRelu() => new GraphBuilder().Input("x", -1, 3, 8, 8)
        .Weight("w1", 8, 3, 3, 3).Weight("b1", 8).Weight("w2", 4, 8, 3, 3).Weight("b2", 4)
        .Node("Conv", ["x", "w1", "b1"], "c1", Same).Node("Relu", ["c1"], "r1").Node("Conv", ["r1", "w2", "b2"], "y", Same)
        .Output("y", -1, 4, 8, 8).Build();

    public static ModelProto Residual() => new GraphBuilder().Input("x", -1, 8, 8, 8)
        .Weight("w1", 8, 8, 3, 3).Weight("b1", 8).Weight("w2", 8, 8, 3, 3).Weight("b2", 8).Weight("w3", 8, 8, 1, 1)
        .Node("Conv", ["x", "w1", "b1"], "c1", Same).Node("Relu", ["c1"], "r1").Node("Conv", ["r1", "w2", "b2"], "c2", Same)
        .Node("Add", ["c2", "x"], "a").Node("Relu", ["a"], "r2").Node("Conv", ["r2", "w3"], "y")
        .Output("y", -1, 8, 8, 8).Build();

    public static ModelProto Depthwise() => new GraphBuilder().Input("x", -1, 8, 8, 8)
        .Weight("w1", 8, 1, 3, 3).Weight("b1", 8).Weight("w2", 4, 8, 1, 1).Weight("b2", 4)
        .Constant(Tensors.Of("low", [0f])).Constant(Tensors.Of("high", [6f]))
        .Node("Conv", ["x", "w1", "b1"], "c1", node => Same(node.With("group", 8))).Node("Clip", ["c1", "low", "high"], "r1")
        .Node("Conv", ["r1", "w2", "b2"], "y")
        .Output("y", -1, 4, 8, 8).Build();

    public static ModelProto Gemm() => new GraphBuilder().Input("x", -1, 16)
        .Weight("w1", 32, 16).Weight("b1", 32).Weight("w2", 32, 5).Weight("b2", 5)
        .Node("Gemm", ["x", "w1", "b1"], "g1", node => node.With("transB", 1).With("alpha", 0.5f).With("beta", 2f))
        .Node("Relu", ["g1"], "r1").Node("Gemm", ["r1", "w2", "b2"], "y")
        .Output("y", -1, 5).Build();

    public static ModelProto MatMulAdd() => new GraphBuilder().Input("x", -1, 4, 16)
        .Weight("w1", 16, 32).Weight("b1", 32).Weight("w2", 32, 16).Weight("b2", 16)
        .Node("MatMul", ["x", "w1"], "m1").Node("Add", ["m1", "b1"], "a1").Node("Relu", ["a1"], "r1").Node("MatMul", ["r1", "w2"], "m2")
        .Node("Add", ["m2", "b2"], "a2").Node("Add", ["a2", "x"], "y")
        .Output("y", -1, 4, 16).Build();

    public static ModelProto ConcatPool() => new GraphBuilder().Input("x", -1, 4, 8, 8)
        .Weight("w1", 4, 4, 1, 1).Weight("b1", 4).Weight("w2", 6, 4, 3, 3).Weight("b2", 6).Weight("w3", 10, 5).Weight("b3", 5)
        .Node("Conv", ["x", "w1", "b1"], "c1").Node("Relu", ["c1"], "r1").Node("Conv", ["x", "w2", "b2"], "c2", Same)
        .Node("Concat", ["r1", "c2"], "k", node => node.With("axis", 1))
        .Node("MaxPool", ["k"], "p", node => node.With("kernel_shape", [2, 2]).With("strides", [2, 2]))
        .Node("GlobalAveragePool", ["p"], "v").Node("Flatten", ["v"], "f").Node("Gemm", ["f", "w3", "b3"], "y")
        .Output("y", -1, 5).Build();

    /// <summary>Samples for the only input of a model: normal noise, reproducible.</summary>
    public static TinySamples SamplesFor(ModelProto model, int count, int seed)
    {
        var random = new Random(seed);
        int[] shape = [.. model.Graph.Input[0].Type.TensorType.Shape.Dim.Skip(1).Select(extent => (int)extent.DimValue)];
        var values = new float[count * shape.Aggregate(1, (product, extent) => product * extent)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return new TinySamples(values, shape, new long[count]);
    }

    private static void Same(NodeProto node) => node.With("pads", [1, 1, 1, 1]);
}
