using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Signed weights that two operators read. The runtime's pass behind <c>session.x64quantprecision</c> makes each reader's copy unsigned
/// under one name, and the model does not load; unsigned it leaves them alone, and they mean the same.
/// </summary>
internal static class SharedWeights
{
    /// <summary>
    /// Makes those unsigned that <paramref name="model"/>, which is changed and returned, multiplies with unsigned activations. Signed
    /// activations know signed weights alone, and are for processors without that pass.
    /// </summary>
    public static ModelProto Unsigned(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        var taken = new HashSet<string>(graph.Names);
        foreach (var weight in graph.Graph.Initializer.Where(tensor => tensor.Is(DataType.Int8) && tensor.Dims.Count > 1).ToArray())
        {
            var readers = graph.ConsumersOf(weight.Name).Distinct().ToArray();
            var products = readers.Sum(reader => MultipliersOf(reader, graph));
            if (products < 2 || !readers.All(reader => MayChange(reader, weight, graph))) continue;
            var place = graph.Graph.Initializer.IndexOf(weight);
            graph.Graph.Initializer[place] = Tensors.Of(
                weight.Name, [.. weight.RawData.Select(value => (byte)(value ^ QdqWriter.UnsignedZero))], [.. weight.Dims]);
            foreach (var reader in readers) SetZero(reader, graph, taken);
        }
        return model;
    }

    /// <summary>How many products the runtime makes a copy for.</summary>
    private static int MultipliersOf(NodeProto reader, OnnxGraph graph)
        => reader.OpType == "DequantizeLinear" ? graph.ConsumersOf(reader.Output[0]).Count : 1;

    private static bool MayChange(NodeProto reader, TensorProto weight, OnnxGraph graph) => reader.OpType switch
    {
        "MatMulInteger" => reader.InputAt(1) == weight.Name && IsZero(reader.InputAt(3), graph),
        "DequantizeLinear" => IsZero(reader.InputAt(2), graph)
            && graph.ConsumersOf(reader.Output[0]).All(product => product.OpType is "Conv" or "MatMul" or "Gemm"
                && product.InputAt(1) == reader.Output[0] && product.InputAt(0) is { } input
                && graph.ProducerOf(input) is { OpType: "DequantizeLinear" } activation
                && graph.Constant(activation.InputAt(2)) is { } zero && zero.Is(DataType.Uint8)),
        _ => false,
    };

    private static bool IsZero(string? zeroPoint, OnnxGraph graph)
        => zeroPoint is null || graph.Constant(zeroPoint) is { } zeros && zeros.Is(DataType.Int8) && zeros.RawData.All(value => value == 0);

    /// <summary>Gives a reader a zero point of its own, as that pass wants them where it finds signed ones.</summary>
    private static void SetZero(NodeProto reader, OnnxGraph graph, HashSet<string> taken)
    {
        var (place, like) = reader.OpType == "MatMulInteger" ? (3, reader.InputAt(3)) : (2, reader.InputAt(1));
        long[] extents = graph.Constant(like) is { } one ? [.. one.Dims] : [];
        var zeros = Tensors.Of(Nodes.NewName("z", taken),
            [.. Enumerable.Repeat(QdqWriter.UnsignedZero, (int)extents.Aggregate(1L, (product, extent) => product * extent))], extents);
        graph.Graph.Initializer.Add(zeros);
        if (reader.InputAt(place) is { } old && graph.ConsumersOf(old) is [_] && graph.Constant(old) is { } unread)
            graph.Graph.Initializer.Remove(unread);
        while (reader.Input.Count <= place) reader.Input.Add("");
        reader.Input[place] = zeros.Name;
    }
}
