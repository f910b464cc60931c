using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Estimates;

/// <summary>What a node has to do; in a body of <c>Loop</c> or <c>Scan</c>, which nobody looked into, what its weights tell.</summary>
/// <param name="node">The node, as the runtime fused it.</param>
/// <param name="graph">Its model.</param>
/// <param name="shapes">Shapes of the values of the main graph, and of branches that are taken.</param>
/// <param name="fusesQdq">True where an accelerator fuses QDQ by itself.</param>
/// <param name="halves">True where the processor computes in 16-bit floats; else what has them is widened.</param>
internal sealed class NodeWork(NodeProto node, OnnxGraph graph, IReadOnlyDictionary<string, long[]> shapes, bool fusesQdq, bool halves)
{
    /// <summary>The kernels that it runs, and how much each has to do; none for what only names a value anew.</summary>
    public IEnumerable<Work> Parts()
    {
        Work[] own = [.. Own().Where(part => part.Amount > 0 || part.Bytes > 0)];
        return fusesQdq && own.Length == 0 ? [] : [.. own, new Work(Kernel.Operator, 1)];
    }

    private Work[] Own() => Operator switch
    {
        "Conv" or "FusedConv" or "ConvTranspose" when IsDepthwise(1) =>
            [
                new Work(IsOfBytes(ProductsWith(1)) ? Kernel.ByteDepthwise
                    : ProductsWith(1) == Kernel.HalfProduct ? Kernel.HalfDepthwise
                    : WeightShape(1)[2..].Any(extent => extent > 3) ? Kernel.FloatLargeDepthwise : Kernel.FloatDepthwise, Products(1)),
            ],
        "Conv" or "FusedConv" or "ConvTranspose" when IsOfFloats(ProductsWith(1)) =>
            [
                Weighted(1, ProductsWith(1) == Kernel.HalfProduct ? Kernel.HalfProduct : Kernel.FloatConvolution),
                new Work(Kernel.GatheredFloat, Gathered(1)),
            ],
        "Conv" or "FusedConv" or "ConvTranspose" => [Weighted(1, ProductsWith(1))],
        "QLinearConv" when IsDepthwise(3) => [new Work(Kernel.ByteDepthwise, Products(3)), Handled(Made)],
        "QLinearConv" => [Weighted(3, ProductsWith(3)), new Work(Kernel.GatheredByte, Gathered(3)), Handled(Made)],
        "ConvInteger" => [new Work(Kernel.PlainConvolution, Products(1))],
        "Gemm" or "FusedGemm" when ProductsWith(1) == Kernel.HalfProduct && !fusesQdq => [Weighted(1, Kernel.PlainHalfProduct)],
        "MatMul" or "FusedMatMul" or "Gemm" or "FusedGemm" => Matrix(1),
        "QLinearMatMul" or "QGemm" => [.. Matrix(3), Handled(Made)],
        "MatMulInteger" or "MatMulIntegerToFloat" => [.. Matrix(1), Handled(Made)],
        // The first pass over what it rounds finds the range.
        "DynamicQuantizeMatMul" => [.. Matrix(1), Handled(Made + 2 * Read)],
        "MatMulNBits" => [Weighted(1, Kernel.FourBitProduct), new Work(Kernel.FourBitWeight, node.Int("K", 1) * node.Int("N", 1))],
        "LSTM" or "GRU" or "RNN" or "DynamicQuantizeLSTM" => [
            Weighted(1, ProductsWith(1)), Weighted(2, ProductsWith(2)),
            // What was computed is read by the next step: its rows are one sample's.
            new Work(WeightOf(ProductsWith(1)), Products(1) + Products(2)), new Work(Kernel.HardValue, 4 * Made),
        ],
        "DequantizeLinear" when Constant(0) is not null && !fusesQdq =>
            [new Work(IsScaledWithinRows ? Kernel.DequantizedColumn : Kernel.DequantizedWeight, Made)],
        "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity" or "Shape" or "Constant" or "If" => [],
        // What becomes of weights is found once, when the model is loaded.
        "Cast" when Constant(0) is not null => [],
        "Cast" => [new Work(Kernel.Cast, Made)],
        "QuantizeLinear" or "DequantizeLinear" when fusesQdq => [],
        "DynamicQuantizeLinear" => [Handled(2 * Made)],
        "Softmax" or "LogSoftmax" or "Erf" or "Gelu" or "FastGelu" or "BiasGelu" or "QuickGelu" or "Tanh" or "Sigmoid" or "Exp" or "Log"
            or "Pow" or "Sqrt" or "LayerNormalization" or "SkipLayerNormalization" or "InstanceNormalization" or "Mish" or "Elu"
            or "QLinearSoftmax" => [new Work(Kernel.HardValue, Made)],
        _ => [Handled(Made)],
    };

    private static Work Handled(long values) => new(Kernel.Value, values);

    private Work Weighted(int weight, Kernel kernel) => new(kernel, Products(weight), fusesQdq ? 0 : WeightBytesAt(weight));

    private Work[] Matrix(int weight)
        => [Weighted(weight, ProductsWith(weight)), new Work(WeightOf(ProductsWith(weight)), Elements(WeightShape(weight)))];

    private static Kernel WeightOf(Kernel product) => IsOfBytes(product) ? Kernel.ByteWeight : Kernel.FloatWeight;

    private static bool IsOfFloats(Kernel product) => product is Kernel.FloatProduct or Kernel.HalfProduct;

    /// <summary>True where neighbours of a weight have scales of their own, which the runtime takes one by one.</summary>
    private bool IsScaledWithinRows => node.Int("block_size", 0) > 0 || Elements(ShapeOf(node.InputAt(1))) > 1
        && WeightShape(0) is { Length: > 1 } extents && (node.Int("axis", 1) + extents.Length) % extents.Length == extents.Length - 1;

    private static bool IsOfBytes(Kernel kernel) => kernel is Kernel.SignedByteProduct or Kernel.UnsignedByteProduct;

    private Kernel ProductsWith(int weight) => TypeAt(weight) switch
    {
        DataType.Int8 => Kernel.SignedByteProduct,
        DataType.Uint8 => Kernel.UnsignedByteProduct,
        DataType.Float16 => Kernel.HalfProduct,
        _ => fusesQdq && ReadsDequantized ? Kernel.SignedByteProduct : Kernel.FloatProduct,
    };

    /// <summary>Bytes that a tensor takes.</summary>
    public static long BytesOf(TensorProto tensor) => tensor.Elements() * (DataType)tensor.DataType switch
    {
        DataType.Int8 or DataType.Uint8 or DataType.Bool => 1,
        DataType.Float16 or DataType.Bfloat16 => 2,
        DataType.Double or DataType.Int64 => 8,
        _ => 4,
    };

    private string Operator => node.OpType;

    /// <summary>Values that it makes.</summary>
    private long Made => Elements(ShapeOf(node.OutputAt(0)));

    /// <summary>Values of its first input.</summary>
    private long Read => Elements(ShapeOf(node.InputAt(0)));

    /// <summary>True where its first input was rounded to bytes.</summary>
    private bool ReadsDequantized => node.InputAt(0) is { } input && graph.ProducerOf(input)?.OpType == "DequantizeLinear";

    /// <summary>Of a weight of halves as well where this machine's runtime widens it first, which not every processor's does.</summary>
    private DataType TypeAt(int input)
        => (Constant(input) ?? (node.InputAt(input) is { } value && graph.ProducerOf(value) is { OpType: "Cast" } cast
            ? graph.Constant(cast.InputAt(0)) : null)) is { } constant ? (DataType)constant.DataType : DataType.Float;

    /// <summary>Bytes of the weight at an input; one that is dequantized at every run is read as the floats it became.</summary>
    private long WeightBytesAt(int input) => Constant(input) is { } constant ? BytesOf(constant)
        : node.InputAt(input) is not { } value || graph.ProducerOf(value) is not { OpType: "DequantizeLinear" or "Cast" } made ? 0
        : made.OpType == "DequantizeLinear" ? sizeof(float) * Elements(ShapeOf(value))
        : graph.Constant(made.InputAt(0)) is { } widened ? BytesOf(widened) * (halves ? 1 : 2) : 0;

    private bool IsDepthwise(int weight) => node.Int("group", 1) > 1 && WeightShape(weight) is [_, 1, ..];

    /// <summary>Products of values with the weight, or with the other activation, at an input.</summary>
    private long Products(int weight)
    {
        var (extents, elements) = (WeightShape(weight), Elements(WeightShape(weight)));
        if (Made == 0) return elements;
        return Operator switch
        {
            "Conv" or "FusedConv" or "QLinearConv" or "ConvInteger" => Made * elements / Math.Max(1, extents[0]),
            "ConvTranspose" => Read * elements / Math.Max(1, extents[0]),
            "LSTM" or "GRU" or "RNN" or "DynamicQuantizeLSTM" => ShapeOf(node.InputAt(0)) is [var steps, var batch, _]
                ? steps * batch * elements : elements,
            "MatMulNBits" => Made * node.Int("K", 1),
            _ => ShapeOf(node.InputAt(0)) is [.., var inner] ? Made * inner : elements,
        };
    }

    /// <summary>Bytes that are gathered for a kernel larger than a point: one for each product of an output channel.</summary>
    private long Gathered(int weight) => WeightShape(weight) is [var channels, _, .. var kernel] && kernel.Any(extent => extent > 1)
        ? Products(weight) / Math.Max(1, channels) * node.Int("group", 1) : 0;

    private TensorProto? Constant(int input) => graph.Constant(node.InputAt(input));

    private long[] WeightShape(int input) => Constant(input) is { } constant ? [.. constant.Dims] : ShapeOf(node.InputAt(input));

    private long[] ShapeOf(string? value) => value is null ? [0]
        : shapes.TryGetValue(value, out var shape) ? shape : graph.Constant(value) is { } constant ? [.. constant.Dims] : [0];

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, extent) => checked(product * extent));
}
