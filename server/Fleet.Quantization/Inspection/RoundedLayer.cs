using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Inspection;

/// <summary>
/// A value that both models have, and the operators that make it in the variant out of values that both have: among them is one that
/// rounds, to integers or to 16-bit floats, by itself or in a branch or body that it carries.
/// </summary>
/// <param name="Title">The layer's name.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Value">The value in the float model.</param>
/// <param name="Rounded">The value that readers of it get in the variant.</param>
/// <param name="Nodes">The variant's operators, in the order in which they run.</param>
/// <param name="Read">What they read that both models have.</param>
internal sealed record RoundedLayer(
    string Title, string Operator, string Value, string Rounded, IReadOnlyList<NodeProto> Nodes, IReadOnlyList<string> Read)
{
    private static readonly HashSet<string> Rounding = [
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul",
        "MatMulNBits", "GatherBlockQuantized", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM", "QGemm",
    ];

    private static readonly HashSet<string> Weighted = [
        "Conv", "ConvTranspose", "Gemm", "MatMul", "MatMulNBits", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul",
        "GatherBlockQuantized", "Gather", "LSTM", "GRU", "RNN", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "QGemm",
    ];

    /// <summary>Numbers of an operator that computes in 16-bit floats.</summary>
    private const string Half = "float16";

    /// <summary>What its weights are; null where none are rounded.</summary>
    public string? Weights { get; private init; }

    /// <summary>What the values that it reads are rounded to; null where they are not.</summary>
    public string? Activations { get; private init; }

    /// <summary>The smallest and largest value that it can have once rounded; null where that is not fixed.</summary>
    public (double Low, double High, double Step)? Range { get; private init; }

    /// <summary>True where a convolution makes it.</summary>
    public bool IsConvolution => Operator is "Conv" or "ConvTranspose" or "ConvInteger" or "QLinearConv";

    /// <summary>The rounded layers of a variant, in the order in which the float model runs, and how many others it has.</summary>
    public static (IReadOnlyList<RoundedLayer> Layers, int Others) Of(OnnxGraph model, OnnxGraph variant)
    {
        var common = model.Graph.Node.SelectMany(node => node.Output).Concat(model.Graph.Input.Select(input => input.Name))
            .Where(value => value.Length > 0 && (variant.ProducerOf(value) is not null || variant.IsInput(value))).ToHashSet();
        var order = new Dictionary<NodeProto, int>(ReferenceEqualityComparer.Instance);
        foreach (var (number, node) in variant.Graph.Node.Index()) order[node] = number;
        var layers = new List<RoundedLayer>();
        var within = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        foreach (var node in model.Graph.Node)
        {
            // Of a recurrent layer the whole sequence may be unread.
            if (node.Output.FirstOrDefault(common.Contains) is not { } value) continue;
            var rounded = RoundedOf(variant, value);
            var (nodes, read) = Between(variant, rounded, value, common);
            NodeProto[] all = [.. nodes.SelectMany(one => one.Subgraphs().SelectMany(Scopes.NodesOf).Prepend(one))];
            if (!all.Any(one => Rounding.Contains(one.OpType) || IsHalf(one, variant))) continue;
            within.UnionWith(nodes);
            var main = nodes.FirstOrDefault(one => Weighted.Contains(one.OpType)) ?? node;
            layers.Add(new RoundedLayer(main.Name.Length > 0 ? main.Name : node.Title(), main.OpType, value, rounded,
                [.. nodes.OrderBy(one => order[one])], read)
            {
                Weights = all.Select(one => WeightsOf(one, variant)).FirstOrDefault(found => found is not null),
                Activations = all.Select(one => ActivationsOf(one, variant)).FirstOrDefault(found => found is not null),
                Range = variant.ConsumersOf(value).Append(variant.ProducerOf(variant.ProducerOf(value)?.InputAt(0) ?? ""))
                    .Select(one => RangeOf(one, variant)).FirstOrDefault(found => found is not null),
            });
        }
        return (layers, variant.Graph.Node.Count(node => !within.Contains(node) && Weighted.Contains(node.OpType)
            && (Rounding.Contains(node.OpType)
                || node.Input.Any(input => variant.ProducerOf(input) is { } producer && Rounding.Contains(producer.OpType)))));
    }

    /// <summary>What readers of a value get in the variant: where it is rounded the rounded one, else the value itself.</summary>
    public static string RoundedOf(OnnxGraph variant, string value)
    {
        var integers = variant.ConsumersOf(value).FirstOrDefault(reader => reader.Is("QuantizeLinear") && reader.InputAt(0) == value)
            ?.OutputAt(0);
        // Integers of fewer levels than a byte are clipped in between.
        for (var steps = 0; integers is not null && steps < 2; steps++)
        {
            var readers = variant.ConsumersOf(integers);
            if (readers.FirstOrDefault(reader => reader.Is("DequantizeLinear")) is { } back) return back.Output[0];
            integers = readers.FirstOrDefault(reader => reader.Is("Clip"))?.OutputAt(0);
        }
        return value;
    }

    /// <summary>The operators behind a value, back to values that both models have, itself excepted.</summary>
    private static (List<NodeProto> Nodes, List<string> Read) Between(
        OnnxGraph variant, string rounded, string value, HashSet<string> common)
    {
        var (nodes, read, seen) = (new List<NodeProto>(), new List<string>(), new HashSet<string>());
        var queue = new Queue<string>([rounded]);
        while (queue.TryDequeue(out var one))
        {
            if (!seen.Add(one)) continue;
            if (one != value && one != rounded && common.Contains(one)) read.Add(one);
            else if (variant.ProducerOf(one) is { } node && !nodes.Contains(node))
            {
                nodes.Add(node);
                foreach (var input in OnnxGraph.ValuesReadBy(node)) queue.Enqueue(input);
            }
        }
        return (nodes, read);
    }

    private static string? WeightsOf(NodeProto node, OnnxGraph variant) => node.OpType switch
    {
        "DequantizeLinear" when Constant(node.InputAt(0), variant) is { Dims.Count: >= 2 } weights => NameOf(weights),
        "MatMulInteger" or "ConvInteger" or "DynamicQuantizeMatMul" or "MatMulIntegerToFloat" or "DynamicQuantizeLSTM"
            when variant.Constant(node.InputAt(1)) is { } weights => NameOf(weights),
        "QLinearConv" or "QLinearMatMul" or "QGemm" when variant.Constant(node.InputAt(3)) is { } weights => NameOf(weights),
        "MatMulNBits" => $"int{node.Int("bits", 4)}",
        "GatherBlockQuantized" => $"int{node.Int("bits", 4)}",
        _ when IsHalf(node, variant) => Half,
        _ => null,
    };

    /// <summary>The constant behind a value, through the operators that unpack it.</summary>
    private static TensorProto? Constant(string? value, OnnxGraph variant)
    {
        for (var steps = 0; steps < 4 && value is not null; steps++)
        {
            if (variant.Constant(value) is { } constant) return constant;
            if (variant.ProducerOf(value) is not { OpType: "Cast" or "Reshape" or "Transpose" or "Identity" } before) return null;
            value = before.InputAt(0);
        }
        return null;
    }

    private static string? ActivationsOf(NodeProto node, OnnxGraph variant) => node.OpType switch
    {
        "QuantizeLinear" => variant.Constant(node.InputAt(2)) is { } zero ? NameOf(zero) : "uint8",
        "DynamicQuantizeLinear" or "DynamicQuantizeMatMul" or "DynamicQuantizeLSTM" => "dynamic",
        _ when IsHalf(node, variant) => Half,
        _ => null,
    };

    /// <summary>True for an operator with weights that computes in 16-bit floats.</summary>
    private static bool IsHalf(NodeProto node, OnnxGraph variant) => Weighted.Contains(node.OpType)
        && variant.TypeOf(node.OutputAt(0) ?? "")?.TensorType?.ElemType is (int)DataType.Float16;

    private static string NameOf(TensorProto tensor) => ((DataType)tensor.DataType).ToString().ToLowerInvariant();

    private static (double Low, double High, double Step)? RangeOf(NodeProto? node, OnnxGraph variant)
    {
        if (node is null || !node.Is("QuantizeLinear")
            || variant.Constant(node.InputAt(1)) is not { } scale || scale.Elements() != 1) return null;
        var zero = variant.Constant(node.InputAt(2));
        (double Low, double High)? integers = (DataType?)zero?.DataType switch
        {
            null or DataType.Uint8 => (byte.MinValue, byte.MaxValue),
            DataType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
            _ => null,
        };
        if (integers is not { } limits) return null;
        double step = scale.ToSingles()[0], shift = zero is null ? 0 : zero.ToInt64s()[0];
        return ((limits.Low - shift) * step, (limits.High - shift) * step, step);
    }
}
