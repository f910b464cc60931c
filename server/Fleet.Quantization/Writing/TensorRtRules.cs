using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// What TensorRT asks of a QDQ model, checked in the graph (NVIDIA, "Working with Quantized Types": symmetric int8, zero point 0,
/// weights per output channel, no quantized bias). A check of structure: it does not run TensorRT.
/// </summary>
internal static class TensorRtRules
{
    /// <summary>Every rule the model breaks.</summary>
    public static IReadOnlyList<string> ProblemsOf(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        var problems = new List<string>();
        foreach (var node in graph.Graph.Node.Where(node => node.OpType is "QuantizeLinear" or "DequantizeLinear"))
        {
            if (graph.Constant(node.InputAt(1)) is not { } scale) problems.Add($"{node.Title()} has a scale that is not constant.");
            else if (scale.ToSingles().Any(value => !(value > 0))) problems.Add($"{node.Title()} has a scale that is not above zero.");
            if (node.InputAt(2) is not { } name) continue;
            if (graph.Constant(name) is not { } zeroPoint) problems.Add($"{node.Title()} has a zero point that is not constant.");
            else if (!zeroPoint.Is(DataType.Int8))
                problems.Add($"{node.Title()} works on {(DataType)zeroPoint.DataType}; only int8 is taken.");
            else if (zeroPoint.ToInt64s().Any(value => value != 0)) problems.Add($"{node.Title()} has a zero point other than 0.");
        }
        foreach (var node in graph.Graph.Node.Where(node => node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul"))
        {
            if (Dequantize(graph, node.InputAt(2)) is not null) problems.Add($"{node.Title()} has a quantized bias.");
            if (Dequantize(graph, node.InputAt(1)) is not { } weight || graph.Constant(weight.InputAt(0)) is null) continue;
            var expected = node.OpType == "Conv" || node.Int("transB", 0) != 0 ? 0 : 1;
            if (graph.Constant(weight.InputAt(1)) is { Dims.Count: > 0 } && weight.Int("axis", 1) != expected)
                problems.Add($"{node.Title()} has weight scales along axis {weight.Int("axis", 1)}; axis {expected} counts its output "
                    + $"channels.");
        }
        return problems;
    }

    private static NodeProto? Dequantize(OnnxGraph graph, string? value)
        => value is not null && graph.ProducerOf(value) is { OpType: "DequantizeLinear" } node ? node : null;
}
