using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Weights;

/// <summary>How much of a model's weights a scheme reaches.</summary>
internal static class WeightShare
{
    /// <summary>
    /// A scheme that reaches less is not worth a candidate: its file is nearly the float model's. It can still be asked for by name.
    /// </summary>
    private const double Worthwhile = 0.2;

    /// <summary>
    /// True when the constant inputs of <paramref name="operators"/>, named by an output, are a fair share of all float weights.
    /// </summary>
    public static bool IsWorthwhile(OnnxGraph graph, IEnumerable<string> operators)
    {
        var reached = Reached(graph, operators);
        var all = Scopes.Of(graph.Graph).SelectMany(scope => scope.Initializer).Where(tensor => tensor.Is(DataType.Float))
            .Sum(tensor => tensor.Elements());
        return reached > 0 && reached >= Worthwhile * all;
    }

    /// <summary>Float weights among the constant inputs of <paramref name="operators"/>; numbers that stand alone do not count.</summary>
    public static long Reached(OnnxGraph graph, IEnumerable<string> operators)
    {
        var names = operators.ToHashSet();
        return Scopes.NodesOf(graph.Graph).Where(node => node.Output.Any(names.Contains)).SelectMany(node => node.Input).Distinct()
            .Select(graph.Constant).OfType<TensorProto>().Where(tensor => tensor.Is(DataType.Float) && tensor.Elements() > 1)
            .Sum(tensor => tensor.Elements());
    }
}
