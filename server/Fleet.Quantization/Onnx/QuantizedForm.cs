using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Tells a model that is quantized already from a float one. What only takes integers in, or gives them out, is a float model: the pixels
/// of an image may be made float by a DequantizeLinear.
/// </summary>
internal static class QuantizedForm
{
    /// <summary>Operators that compute with quantized weights or activations, beside those called QLinear….</summary>
    private static readonly HashSet<string> IntegerOperators = [
        "ConvInteger", "MatMulInteger", "MatMulInteger16", "DynamicQuantizeLinear", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
        "DynamicQuantizeLSTM", "MatMulNBits", "MatMulBnb4", "MatMulFpQ4", "GatherBlockQuantized", "QGemm", "QAttention", "QMoE",
        "QEmbedLayerNormalization",
    ];

    /// <summary>What says so, such as <c>QuantizeLinear 1, DequantizeLinear 2</c>; null for a float model.</summary>
    public static string? Of(ModelProto model)
    {
        NodeProto[] nodes = [.. Scopes.NodesOf(model.Graph), .. model.Functions.SelectMany(function => function.Node)];
        var weights = Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer).Where(tensor => tensor.Dims.Count > 0)
            .Select(tensor => tensor.Name)
            .Concat(nodes.Where(node => node.Is("Constant") && node.Find("value")?.T?.Dims.Count > 0).Select(node => node.Output[0]))
            .ToHashSet();
        var rounded = nodes.Where(node => node.OpType == "QuantizeLinear").Select(node => node.OutputAt(0)).ToHashSet();
        bool IsQuantized(NodeProto node) => node.OpType switch
        {
            "DequantizeLinear" => node.InputAt(0) is { } input && (weights.Contains(input) || rounded.Contains(input)),
            var operation => IntegerOperators.Contains(operation) || operation.StartsWith("QLinear", StringComparison.Ordinal),
        };
        if (!nodes.Any(IsQuantized)) return null;
        return string.Join(", ", nodes.Where(node => IsQuantized(node) || node.OpType is "QuantizeLinear" or "DequantizeLinear")
            .CountBy(node => node.OpType).Select(kind => $"{kind.Key} {kind.Value}"));
    }
}
