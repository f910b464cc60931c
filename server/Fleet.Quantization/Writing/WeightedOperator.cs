using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>A convolution or matrix product with constant weights, in the terms the quantizer needs.</summary>
/// <param name="Node">The node.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Axis">The axis of the weight that counts output channels.</param>
/// <param name="Bias">Its bias, or null.</param>
internal sealed record WeightedOperator(NodeProto Node, TensorProto Weight, int Axis, TensorProto? Bias)
{
    /// <summary>Output channels; 1 where all of the weight has one scale.</summary>
    public int Channels => (int)Extents[Axis];

    /// <summary>
    /// True where all of the weight shares one scale: that of a transposed convolution with groups has no axis of output channels.
    /// </summary>
    public bool HasOneScale => Node.Is("ConvTranspose") && Node.Int("group", 1) != 1;

    /// <summary>The weight's shape, as scales are counted along it.</summary>
    public IReadOnlyList<long> Extents => HasOneScale ? [Weight.Elements(), 1] : Weight.Dims;

    /// <summary>What the weight is multiplied with before use: Gemm's alpha, which integer kernels want folded.</summary>
    public float WeightFactor => Node.Is("Gemm") ? Node.Float("alpha", 1) : 1;

    /// <summary>The weight's values with <see cref="WeightFactor"/> multiplied in, in the order of the weight.</summary>
    /// <exception cref="InvalidDataException">One of them is not finite; the message says which.</exception>
    public float[] Values()
    {
        var values = Weight.ToSingles();
        if (WeightFactor is var factor and not 1) values = Array.ConvertAll(values, value => value * factor);
        return Array.FindIndex(values, value => !float.IsFinite(value)) is >= 0 and var bad
            ? throw new InvalidDataException(
                $"Weight '{Weight.Name}' of {Node.Title()} holds {values[bad]} at {bad}; only finite weights can be quantized.")
            : values;
    }

    /// <summary>What the bias is multiplied with before use: Gemm's beta.</summary>
    public float BiasFactor => Node.Is("Gemm") ? Node.Float("beta", 1) : 1;

    /// <summary>The operator at <paramref name="node"/>, or null when no integer kernel takes it, or it is of a front end.</summary>
    public static WeightedOperator? At(NodeProto node, OnnxGraph graph)
    {
        if (!node.IsStandard() || OperatorRules.RoleOf(node.OpType) != OperatorRole.Weighted) return null;
        if (graph.FrontEnd.Count > 0 && graph.FrontEnd.Contains(node.Output[0])) return null;
        if (node.InputAt(0) is not { } input || graph.Constant(input) is not null) return null;
        if (graph.Constant(node.InputAt(1)) is not { } weight || !weight.Is(DataType.Float) || weight.Elements() == 0) return null;
        var bias = graph.Constant(node.InputAt(2));
        if (node.InputAt(2) is not null && bias is null) return null;

        return node.OpType switch
        {
            "Conv" when weight.Dims.Count >= 3 && (bias is null || bias.Elements() == weight.Dims[0]) =>
                new WeightedOperator(node, weight, 0, bias),
            // The integer kernel takes a bias of one value for each column.
            "Gemm" when weight.Dims.Count == 2 && node.Int("transA", 0) == 0 && ColumnsOf(node, weight) is var axis
                && (bias is null || bias.Elements() == weight.Dims[axis] || bias.Elements() == 1) =>
                    new WeightedOperator(node, weight, axis, bias),
            "MatMul" when weight.Dims.Count == 2 => new WeightedOperator(node, weight, 1, null),
            _ => null,
        };
    }

    /// <summary>
    /// The transposed convolution at <paramref name="node"/>, or null when it is none with constant weights. TensorRT computes it in
    /// integers; ONNX Runtime has no such kernel on processors.
    /// </summary>
    public static WeightedOperator? Transposed(NodeProto node, OnnxGraph graph)
    {
        if (!node.Is("ConvTranspose") || node.InputAt(0) is not { } input || graph.Constant(input) is not null) return null;
        if (graph.Constant(node.InputAt(1)) is not { Dims.Count: >= 3 } weight || !weight.Is(DataType.Float) || weight.Elements() == 0)
            return null;
        var bias = graph.Constant(node.InputAt(2));
        return (node.InputAt(2) is null) == (bias is null) ? new WeightedOperator(node, weight, 1, bias) : null;
    }

    private static int ColumnsOf(NodeProto node, TensorProto weight) => node.Int("transB", 0) != 0 ? 0 : weight.Dims.Count - 1;
}
