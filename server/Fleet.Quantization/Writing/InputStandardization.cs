using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Writing;

/// <summary>
/// The first operators of a model that bring what a sensor gives to mean 0: they take a constant off the input, and scale it. Between a
/// reading of 8,143 and its mean of 8,138 lie the digits that count, and 16-bit floats have none left for them: from 8,192 on they are 8
/// apart (C-MAPSS FD001: an error of 20.3 cycles instead of 15.8).
/// </summary>
internal static class InputStandardization
{
    /// <summary>A constant for each channel or value; what is larger is a table, such as one of positions.</summary>
    private const long MostValues = 4096;

    /// <summary>The operators by first output; none where nothing is taken off an input.</summary>
    public static IReadOnlySet<string> Of(OnnxGraph graph)
    {
        var all = new HashSet<string>();
        foreach (var input in graph.Graph.Input) all.UnionWith(Behind(input.Name, graph));
        return all;
    }

    private static List<string> Behind(string input, OnnxGraph graph)
    {
        var (chain, shifts) = (new List<string>(), false);
        for (var value = input; graph.OnlyConsumerOf(value) is { } node && IsStep(node, value, graph); value = node.Output[0])
        {
            chain.Add(node.Output[0]);
            shifts |= node.OpType is "Sub" or "Add" or "BatchNormalization";
        }
        return shifts ? chain : [];
    }

    private static bool IsStep(NodeProto node, string value, OnnxGraph graph) => node.OpType switch
    {
        "Sub" or "Add" or "Mul" => node.Input.All(input => input == value || IsSmall(input, graph)),
        "Div" or "BatchNormalization" => node.Input[0] == value && node.Input.Skip(1).All(input => IsSmall(input, graph)),
        _ => false,
    };

    private static bool IsSmall(string value, OnnxGraph graph)
        => graph.Constant(value) is { } constant && constant.Elements() <= MostValues;
}
