using Fleet.Contracts.Releases;
using Fleet.Modeling.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Quantization;

/// <summary>
/// Looks at what the runtime makes of a quantized file on this machine: a weight that is still dequantized beside a float
/// operator means that its integers save disk only, and usually that the variant is slower than the float model.
/// </summary>
internal static class FusionCheck
{
    private static readonly string[] FloatOperators = ["Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"];

    /// <summary>The float operators that read a dequantized weight after full optimization.</summary>
    public static IReadOnlyList<string> UnfusedOperatorsOf(string path, RuntimeSettings runtime)
    {
        var optimized = path + ".optimized";
        try
        {
            OnnxRuntimeSession.SaveOptimized(path, optimized, GraphOptimizationLevel.ORT_ENABLE_ALL, runtime);
            var graph = new OnnxGraph(OnnxFile.Load(optimized));
            return [.. graph.Graph.Node
                .Where(node => node.OpType == "DequantizeLinear" && graph.Constant(node.InputAt(0)) is not null)
                .SelectMany(node => graph.ConsumersOf(node.Output[0]))
                .Where(node => FloatOperators.Contains(node.OpType))
                .Select(Nodes.Title).Distinct()];
        }
        finally
        {
            File.Delete(optimized);
        }
    }
}
