using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Quantization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>The ONNX operators that can be trained through, in TorchSharp's terms.</summary>
internal static class GraphOperators
{
    private static readonly string[] Known =
    [
        "Add", "Sub", "Mul", "Div", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Softmax", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape", "Transpose", "Concat", "Identity",
    ];

    /// <summary>Refuses what cannot be trained.</summary>
    /// <exception cref="BuildException">The message names the operator.</exception>
    public static void Check(NodeProto node)
    {
        if (!node.IsStandard() || !Known.Contains(node.OpType) || node.Output.Count(output => output.Length > 0) != 1)
            throw new BuildException($"Training on a quantized grid does not know operator {node.OpType} ({node.Title()}); it knows Conv, Gemm, MatMul, {string.Join(", ", Known)}.");
        if (node.Is("AveragePool") && (node.Int("count_include_pad", 0) != 0 || Pads(node).Any(pad => pad != 0)))
            throw new BuildException($"Training on a quantized grid takes AveragePool without padding; {node.Title()} pads.");
    }

    /// <summary>A convolution or matrix product.</summary>
    public static Tensor Run(WeightedOperator weighted, Tensor input, Tensor weight, Tensor? bias)
    {
        var node = weighted.Node;
        if (node.Is("MatMul")) return input.matmul(weight);
        if (node.Is("Gemm")) return functional.linear(input, weighted.Axis == 0 ? weight : weight.t(), bias);
        var axes = (int)weight.dim() - 2;
        var (strides, dilations) = (Extents(node, "strides", axes), Extents(node, "dilations", axes));
        var (padded, padding) = Padded(node, input, axes, 0);
        return axes switch
        {
            1 => functional.conv1d(padded, weight, bias, strides[0], padding[0], dilations[0], node.Int("group", 1)),
            2 => functional.conv2d(padded, weight, bias, strides, padding, dilations, node.Int("group", 1)),
            _ => throw new BuildException($"Convolutions over one and two axes can be trained; {node.Title()} has {axes}."),
        };
    }

    /// <summary>Any other operator.</summary>
    public static Tensor Run(NodeProto node, Tensor?[] inputs, OnnxGraph graph)
    {
        var input = inputs[0]!;
        return node.OpType switch
        {
            "Add" => input + inputs[1]!,
            "Sub" => input - inputs[1]!,
            "Mul" => input * inputs[1]!,
            "Div" => input / inputs[1]!,
            "Relu" => input.relu(),
            "Clip" => input.clamp(Bound(inputs, 1, float.NegativeInfinity), Bound(inputs, 2, float.PositiveInfinity)),
            "LeakyRelu" => functional.leaky_relu(input, node.Float("alpha", 0.01f)),
            "Sigmoid" => input.sigmoid(),
            "Softmax" => functional.softmax(input, node.Int("axis", -1)),
            "MaxPool" => MaxPool(node, input),
            "AveragePool" => AveragePool(node, input),
            "GlobalAveragePool" => input.mean([.. Enumerable.Range(2, (int)input.dim() - 2).Select(axis => (long)axis)], keepdim: true),
            "Flatten" => input.flatten(node.Int("axis", 1)),
            "Reshape" => input.reshape(Shape(graph.Constant(node.Input[1])?.ToInt64s() ?? throw new BuildException($"{node.Title()} takes its shape from the samples; a constant shape is needed to train."), input)),
            "Transpose" => input.permute([.. node.Ints("perm") ?? [.. Enumerable.Range(0, (int)input.dim()).Reverse().Select(axis => (long)axis)]]),
            "Concat" => cat([.. inputs.Select(one => one!)], node.Int("axis", 0)),
            _ => input,
        };
    }

    private static Tensor MaxPool(NodeProto node, Tensor input)
    {
        var axes = (int)input.dim() - 2;
        var (kernel, strides, dilations) = (Extents(node, "kernel_shape", axes), Extents(node, "strides", axes), Extents(node, "dilations", axes));
        var (padded, padding) = Padded(node, input, axes, double.NegativeInfinity);
        var roundsUp = node.Int("ceil_mode", 0) != 0;
        return axes == 1
            ? functional.max_pool1d(padded, kernel[0], strides[0], padding[0], dilations[0], roundsUp)
            : functional.max_pool2d(padded, kernel, strides, padding, dilations, roundsUp);
    }

    private static Tensor AveragePool(NodeProto node, Tensor input)
    {
        var axes = (int)input.dim() - 2;
        var (kernel, strides) = (Extents(node, "kernel_shape", axes), Extents(node, "strides", axes));
        return axes == 1 ? functional.avg_pool1d(input, kernel[0], strides[0]) : functional.avg_pool2d(input, kernel, strides);
    }

    /// <summary>Padding as TorchSharp takes it, the same on both sides; what differs is put around the input first.</summary>
    private static (Tensor Input, long[] Padding) Padded(NodeProto node, Tensor input, int axes, double value)
    {
        if (node.Text("auto_pad", "NOTSET") is not ("NOTSET" or "VALID")) throw new BuildException($"{node.Title()} pads by '{node.Text("auto_pad", "")}'; explicit padding is needed to train.");
        var pads = Pads(node) is { Count: > 0 } given ? given : new long[2 * axes];
        long[] before = [.. pads.Take(axes)], after = [.. pads.Skip(axes)];
        if (before.SequenceEqual(after)) return (input, before);
        // The last axis comes first, each with both of its sides.
        return (functional.pad(input, [.. Enumerable.Range(0, axes).Reverse().SelectMany(axis => new[] { before[axis], after[axis] })], value: value), new long[axes]);
    }

    private static IReadOnlyList<long> Pads(NodeProto node) => node.Ints("pads") ?? [];

    private static long[] Extents(NodeProto node, string name, int axes) => node.Ints(name) is { Count: > 0 } given ? [.. given] : [.. Enumerable.Repeat(1L, axes)];

    // 0 keeps an extent. The batch is whatever the batch is, also where the file says 1.
    private static long[] Shape(long[] asked, Tensor input) => [.. asked.Select((extent, axis) => axis == 0 && extent != -1 ? input.size(0) : extent == 0 ? input.size(axis) : extent)];

    private static double Bound(Tensor?[] inputs, int index, double absent) => index < inputs.Length && inputs[index] is { } bound ? bound.to_type(ScalarType.Float64).data<double>()[0] : absent;
}
