using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>
/// Looks at what the runtime makes of a quantized file on this machine: a weight that is still dequantized beside a float
/// operator means that its integers save disk only, and usually that the variant is slower than the float model.
/// </summary>
internal static class FusionCheck
{
    private static readonly string[] FloatOperators =
        ["Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"];

    /// <summary>The float operators that read a dequantized weight after full optimization.</summary>
    public static IReadOnlyList<string> UnfusedOperatorsOf(string path, RuntimeSettings runtime)
        => [.. UnfusedNodesOf(path, runtime).Select(Nodes.Title).Distinct()];

    /// <summary>The same as the runtime's nodes; one that it made of others has their names in its own, and their last output.</summary>
    public static IReadOnlyList<NodeProto> UnfusedNodesOf(string path, RuntimeSettings runtime)
    {
        var optimized = path + ".optimized";
        try
        {
            OnnxRuntimeSession.SaveOptimized(path, optimized, GraphOptimizationLevel.ORT_ENABLE_ALL, runtime);
            var graph = new OnnxGraph(OnnxFile.Load(optimized));
            return [.. Scopes.NodesOf(graph.Graph)
                .Where(node => node.OpType == "DequantizeLinear" && graph.Constant(node.InputAt(0)) is not null)
                .SelectMany(node => graph.ConsumersOf(node.Output[0]))
                .Where(node => FloatOperators.Contains(node.OpType))
                .DistinctBy(node => node.Output[0])];
        }
        finally
        {
            OnnxFile.Delete(optimized);
        }
    }

    /// <summary>
    /// Those of <paramref name="operators"/>, by first output in <paramref name="graph"/>, that became one of <paramref name="unfused"/>.
    /// </summary>
    public static IReadOnlyList<string> Sources(IReadOnlyList<NodeProto> unfused, IReadOnlyList<string> operators, OnnxGraph graph)
    {
        // A fused node keeps the name of the operator within its own: "fused conv1", "dense/MatMulAddFusion".
        bool Became(NodeProto source, NodeProto made) => made.Output.Contains(source.Output[0]) || made.Name == source.Name
            || made.Name == "fused " + source.Name || made.Name.StartsWith(source.Name + "/", StringComparison.Ordinal);
        return [
            .. operators.Where(output => graph.ProducerOf(output) is { Name.Length: > 0 } source
                && unfused.Any(made => Became(source, made))),
        ];
    }
}
