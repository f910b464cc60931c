using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Onnx;

/// <summary>Whether products of a model may saturate on x86 without VNNI.</summary>
internal static class SaturatingPairs
{
    /// <summary>True unless every signed weight is known to be safe (<see cref="SumOrder"/>), or is not multiplied as an integer.</summary>
    public static bool In(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        var readers = Scopes.NodesOf(model.Graph).SelectMany(node => node.Input.Select(input => (input, node)))
            .ToLookup(pair => pair.input, pair => pair.node);
        return Scopes.Of(model.Graph).Any(scope => scope.Initializer.Any(weight => weight.Is(DataType.Int8) && weight.Dims.Count > 1
            && readers[weight.Name].Any(reader => MaySaturate(weight, reader, graph))));
    }

    private static bool MaySaturate(TensorProto weight, NodeProto reader, OnnxGraph graph) => reader.OpType switch
    {
        // Bytes at rest are made float before anything multiplies with them.
        "Gather" or "Cast" => false,
        "MatMulInteger" => reader.InputAt(1) != weight.Name || MaySaturate(weight, reader),
        "DequantizeLinear" => graph.ConsumersOf(reader.Output[0]).Any(product => IsInteger(product, graph)
            && (product.InputAt(1) != reader.Output[0] || MaySaturate(weight, product))),
        _ => true,
    };

    /// <summary>True where what is multiplied with was rounded as well; other products with dequantized weights are of floats.</summary>
    private static bool IsInteger(NodeProto product, OnnxGraph graph)
        => product.InputAt(0) is { } input && graph.ProducerOf(input)?.OpType == "DequantizeLinear" && graph.Constant(input) is null;

    private static bool MaySaturate(TensorProto weight, NodeProto product)
        => product.OpType is not ("Conv" or "MatMul" or "MatMulInteger" or "Gemm") || !weight.HasRawData
            || SumOrder.Of(product, weight.Dims) is { } order && order.MaySaturate(weight.RawData.Span);
}
