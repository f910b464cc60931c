using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>The ONNX operators that can be trained through, in TorchSharp's terms.</summary>
internal static partial class GraphOperators
{
    private static readonly string[] Known =
    [
        "Add", "Sub", "Mul", "Div", "Max", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "Erf", "Softmax", "LayerNormalization",
        "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceSum",
        "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Split", "Slice", "Concat", "Gather", "Cast", "Equal", "Not", "Identity",
    ];

    /// <summary>Refuses what cannot be trained.</summary>
    /// <exception cref="BuildException">The message names the operator.</exception>
    public static void Check(NodeProto node, OnnxGraph graph)
    {
        // A product of two activations has no weight to train; what flows through it is trained.
        if (!node.IsStandard() || !(node.Is("MatMul") || Known.Contains(node.OpType))
            || node.Output.Count(output => output.Length > 0) != 1 && !node.Is("Split"))
            throw new BuildException(
                $"Training on a quantized grid does not know operator {node.OpType} ({node.Title()}); it knows Conv, Gemm, MatMul, "
                    + $"{string.Join(", ", Known)}.");
        if (node.OpType is "Reshape" or "Squeeze" or "Unsqueeze" or "ReduceSum" or "Split" or "Slice") _ = Constant(node, 1, graph);
        if (node.Is("Slice") && Steps(node, graph).Any(step => step != 1))
            throw new BuildException($"Training on a quantized grid takes Slice of every place; {node.Title()} leaves some out.");
        if (node.Is("Cast")) _ = TypeOf(node);
        if (node.Is("Gather") && node.Int("axis", 0) != 0)
            throw new BuildException(
                $"Training on a quantized grid takes Gather of rows; {node.Title()} gathers along axis {node.Int("axis", 0)}.");
        if (node.Is("LayerNormalization") && node.Int("axis", -1) != -1)
            throw new BuildException(
                $"Training on a quantized grid takes LayerNormalization over the last axis; {node.Title()} has axis "
                    + $"{node.Int("axis", -1)}.");
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

    /// <summary>Any other operator: its outputs.</summary>
    public static Tensor[] Run(NodeProto node, Tensor?[] inputs, OnnxGraph graph)
        => node.Is("Split") ? Split(node, inputs[0]!, graph) : [One(node, inputs, graph)];

    private static Tensor One(NodeProto node, Tensor?[] inputs, OnnxGraph graph)
    {
        var input = inputs[0]!;
        return node.OpType switch
        {
            "MatMul" => input.matmul(inputs[1]!),
            "Max" => inputs.Skip(1).Aggregate(input, (most, other) => most.maximum(other!)),
            "Tanh" => input.tanh(),
            "Erf" => input.erf(),
            "LayerNormalization" => functional.layer_norm(
                input, [input.size(-1)], inputs[1]!, inputs.ElementAtOrDefault(2), node.Float("epsilon", 1e-5f)),
            "ReduceSum" => input.sum(Axes(node, graph, (int)input.dim(), _ => true), node.Int("keepdims", 1) != 0),
            "Squeeze" => Axes(node, graph, (int)input.dim(), axis => input.size((int)axis) == 1).OrderDescending()
                .Aggregate(input, (value, axis) => value.squeeze(axis)),
            "Unsqueeze" => Axes(node, graph, (int)input.dim() + Constant(node, 1, graph).Length, _ => false).Order()
                .Aggregate(input, (value, axis) => value.unsqueeze(axis)),
            "Gather" => input.index(TensorIndex.Tensor(inputs[1]!.to_type(ScalarType.Int64))),
            "Cast" => input.to_type(TypeOf(node)),
            "Equal" => input.eq(inputs[1]!),
            "Not" => input.logical_not(),
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
            "Slice" => Sliced(node, input, graph),
            "Flatten" => input.flatten(node.Int("axis", 1)),
            "Reshape" => input.reshape(Shape(Constant(node, 1, graph), input)),
            "Transpose" => input.permute(
                [.. node.Ints("perm") ?? [.. Enumerable.Range(0, (int)input.dim()).Reverse().Select(axis => (long)axis)]]),
            "Concat" => cat([.. inputs.Select(one => one!)], node.Int("axis", 0)),
            _ => input,
        };
    }

    private static Tensor Sliced(NodeProto node, Tensor input, OnnxGraph graph)
    {
        var (from, to, axes) = (Constant(node, 1, graph), Constant(node, 2, graph), Constant(node, 3, graph));
        foreach (var (place, start) in from.Index())
        {
            var axis = (int)(axes.Length > 0 ? axes[place] : place);
            var extent = input.size(axis);
            long Within(long at) => Math.Clamp(at < 0 ? at + extent : at, 0, extent);
            input = input.narrow(axis, Within(start), Math.Max(0, Within(to[place]) - Within(start)));
        }
        return input;
    }

    private static long[] Steps(NodeProto node, OnnxGraph graph) => Constant(node, 4, graph);

    private static Tensor[] Split(NodeProto node, Tensor input, OnnxGraph graph)
    {
        var axis = node.Int("axis", 0);
        return node.InputAt(1) is null ? input.chunk(node.Output.Count, axis) : input.split(Constant(node, 1, graph), axis);
    }
}
