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
        WeightedOperator[] inFloat = [.. MatrixProducts.Of(graph)];
        var bytes = inBlocks.Sum(node => BytesBehind(node.Input[1]) + Bytes(node.InputAt(2)) + Bytes(node.InputAt(3)))
            + inFloat.Sum(product => (long)product.Weight.RawData.Length);
        var weights = inBlocks.Sum(node => node.Int("K", 0) * node.Int("N", 0)) + inFloat.Sum(product => product.Weight.Elements());
        return 8.0 * bytes / weights;
    }
}
