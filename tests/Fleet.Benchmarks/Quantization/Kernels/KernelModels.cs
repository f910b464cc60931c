using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Benchmarks.Quantization.Kernels;

/// <summary>
/// Small networks, each of few operators, which between them use every kernel that a cost model has a figure for, at several sizes. Their
/// weights are drawn; what they compute is of no use to anybody.
/// </summary>
internal static class KernelModels
{
    /// <summary>Each with its name.</summary>
    public static IEnumerable<(string Name, ModelProto Model)> All()
    {
        foreach (var (channels, side) in ((int, int)[])[(16, 40), (32, 28), (64, 14), (128, 7)])
        {
            yield return ($"conv3x3-{channels}", Convolutions(channels, side, kernel: 3));
            yield return ($"conv1x1-{channels}", Convolutions(channels, side, kernel: 1));
            yield return ($"depthwise-{channels}", Separable(channels, side, kernel: 3));
        }
        yield return ("depthwise5x5-48", Separable(48, 20, kernel: 5));
        yield return ("depthwise5x5-96", Separable(96, 10, kernel: 5));
        yield return ("depthwise7x7-64", Separable(64, 14, kernel: 7));
        yield return ("stem", Stem());
        yield return ("residual", Residual());
        yield return ("conv1d", Sound());
        foreach (var (rows, width) in ((int, int)[])[(1, 256), (1, 512), (8, 256), (32, 128), (64, 256)])
        {
            yield return ($"products-{rows}x{width}", Products(rows, width, "Relu"));
            yield return ($"gates-{rows}x{width}", Products(rows, width, "Sigmoid"));
            yield return ($"gemm-{rows}x{width}", Dense(rows, width));
        }
        yield return ("attention-16", Attention(16, 64));
        yield return ("attention-64", Attention(64, 32));
        yield return ("normalization-64", Normalized(64, 128));
        yield return ("normalization-16", Normalized(16, 256));
        yield return ("lstm-64", Recurrent(16, 64));
        yield return ("lstm-128", Recurrent(8, 128));
    }

    private static Action<NodeProto> Kernel(int extent, int groups = 1, int stride = 1) => node
        => node.With("kernel_shape", [(long)extent, extent]).With("pads", [.. Enumerable.Repeat((long)(extent / 2), 4)])
            .With("strides", [(long)stride, stride]).With("group", groups);

    private static ModelProto Convolutions(int channels, int side, int kernel) => new GraphBuilder().Input("x", 1, channels, side, side)
        .Weight("a", channels, channels, kernel, kernel).Weight("b", channels).Node("Conv", ["x", "a", "b"], "h", Kernel(kernel))
        .Node("Relu", ["h"], "r").Weight("c", 2 * channels, channels, kernel, kernel).Weight("d", 2 * channels)
        .Node("Conv", ["r", "c", "d"], "y", Kernel(kernel)).Output("y", 1, 2 * channels, side, side).Build();

    private static ModelProto Separable(int channels, int side, int kernel) => new GraphBuilder().Input("x", 1, channels, side, side)
        .Weight("a", channels, 1, kernel, kernel).Weight("b", channels).Node("Conv", ["x", "a", "b"], "h", Kernel(kernel, channels))
        .Node("Relu", ["h"], "r").Weight("c", channels, channels, 1, 1).Weight("d", channels).Node("Conv", ["r", "c", "d"], "p", Kernel(1))
        .Node("Relu", ["p"], "s").Weight("e", channels, 1, kernel, kernel).Weight("f", channels)
        .Node("Conv", ["s", "e", "f"], "y", Kernel(kernel, channels)).Output("y", 1, channels, side, side).Build();

    private static ModelProto Stem() => new GraphBuilder().Input("x", 1, 3, 96, 96).Weight("a", 16, 3, 3, 3).Weight("b", 16)
        .Node("Conv", ["x", "a", "b"], "h", Kernel(3, stride: 2)).Node("Relu", ["h"], "r").Weight("c", 32, 16, 3, 3).Weight("d", 32)
        .Node("Conv", ["r", "c", "d"], "y", Kernel(3, stride: 2)).Output("y", 1, 32, 24, 24).Build();

    private static ModelProto Residual() => new GraphBuilder().Input("x", 1, 32, 28, 28).Weight("a", 32, 32, 3, 3).Weight("b", 32)
        .Node("Conv", ["x", "a", "b"], "h", Kernel(3)).Node("Relu", ["h"], "r").Weight("c", 32, 32, 3, 3).Weight("d", 32)
        .Node("Conv", ["r", "c", "d"], "p", Kernel(3)).Node("Add", ["r", "p"], "s").Node("Relu", ["s"], "t")
        .Node("GlobalAveragePool", ["t"], "y").Output("y", 1, 32, 1, 1).Build();

    private static ModelProto Sound() => new GraphBuilder().Input("x", 1, 32, 256).Weight("a", 64, 32, 5).Weight("b", 64)
        .Node("Conv", ["x", "a", "b"], "h", node => node.With("pads", [2L, 2])).Node("Relu", ["h"], "r").Weight("c", 64, 64, 5)
        .Weight("d", 64).Node("Conv", ["r", "c", "d"], "y", node => node.With("pads", [2L, 2])).Output("y", 1, 64, 256).Build();

    private static ModelProto Products(int rows, int width, string between) => new GraphBuilder().Input("x", 1, rows, width)
        .Weight("a", width, 2 * width).Node("MatMul", ["x", "a"], "h").Node(between, ["h"], "r").Weight("b", 2 * width, width)
        .Node("MatMul", ["r", "b"], "y").Output("y", 1, rows, width).Build();

    private static ModelProto Dense(int rows, int width) => new GraphBuilder().Input("x", rows, width).Weight("a", 2 * width, width)
        .Weight("b", 2 * width).Node("Gemm", ["x", "a", "b"], "h", node => node.With("transB", 1)).Node("Relu", ["h"], "r")
        .Weight("c", width, 2 * width).Weight("d", width).Node("Gemm", ["r", "c", "d"], "y", node => node.With("transB", 1))
        .Output("y", rows, width).Build();

    private static ModelProto Attention(int length, int width)
    {
        var graph = new GraphBuilder().Input("x", 1, length, width);
        foreach (var part in (string[])["q", "k", "v"])
            graph.Weight($"w{part}", width, width).Node("MatMul", ["x", $"w{part}"], part);
        return graph.Node("Transpose", ["k"], "t", node => node.With("perm", [0L, 2, 1])).Node("MatMul", ["q", "t"], "scores")
            .Node("Softmax", ["scores"], "shares", node => node.With("axis", -1)).Node("MatMul", ["shares", "v"], "mixed")
            .Weight("o", width, width).Node("MatMul", ["mixed", "o"], "y").Output("y", 1, length, width).Build();
    }

    private static ModelProto Normalized(int rows, int width) => new GraphBuilder().Input("x", 1, rows, width).Weight("g", width)
        .Weight("s", width).Node("LayerNormalization", ["x", "g", "s"], "n", node => node.With("axis", -1)).Weight("a", width, width)
        .Node("MatMul", ["n", "a"], "h").Node("Tanh", ["h"], "t").Node("Add", ["t", "x"], "y").Output("y", 1, rows, width).Build();

    private static ModelProto Recurrent(int steps, int width) => new GraphBuilder().Input("x", steps, 1, width)
        .Weight("w", 1, 4 * width, width).Weight("r", 1, 4 * width, width)
        .Node("LSTM", ["x", "w", "r"], "h", node => node.With("hidden_size", width))
        .Constant(Tensors.Of("rows", [(long)steps, width], 2)).Node("Reshape", ["h", "rows"], "f").Weight("a", width, width)
        .Node("MatMul", ["f", "a"], "y").Output("y", steps, width).Build();
}
