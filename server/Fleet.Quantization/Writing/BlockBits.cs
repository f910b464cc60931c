using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Writing;

/// <summary>What weights of matrix products really take, as they were written: a budget says what they should.</summary>
internal static class BlockBits
{
    /// <summary>
    /// Bits of a weight of a matrix product on average, scales and zero points counted, those that stayed float among them; null where none
    /// are in blocks.
    /// </summary>
    public static double? AverageOf(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        long Bytes(string? value) => graph.Constant(value)?.RawData.Length ?? 0;
        // 3 bits lie in planes behind operators; masks, shifts and shapes there are no weights, and have fewer axes.
        long BytesBehind(string value) => graph.Constant(value) is { } constant
            ? constant.Dims.Count >= 3 ? constant.RawData.Length : 0
            : graph.ProducerOf(value)?.Input.Distinct().Sum(BytesBehind) ?? 0;
        NodeProto[] inBlocks = [.. graph.Graph.Node.Where(node => node.OpType == "MatMulNBits")];
        if (inBlocks.Length == 0) return null;
        // What was kept has its weight as it was, or in 16 bits behind a Cast.
        TensorProto[] inFloat = [
            .. MatrixProducts.Of(graph).Select(product => product.Weight),
            .. graph.Graph.Node.Where(node => node.Is("MatMul") || node.Is("Gemm"))
                .Select(node => graph.ProducerOf(node.InputAt(1) ?? "")).Where(before => before?.Is("Cast") == true)
                .Select(cast => graph.Constant(cast!.InputAt(0))).OfType<TensorProto>(),
        ];
        var bytes = inBlocks.Sum(node => BytesBehind(node.Input[1]) + Bytes(node.InputAt(2)) + Bytes(node.InputAt(3)))
            + inFloat.Sum(weight => (long)weight.RawData.Length);
        var weights = inBlocks.Sum(node => node.Int("K", 0) * node.Int("N", 0)) + inFloat.Sum(weight => weight.Elements());
        return 8.0 * bytes / weights;
    }
}
