using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>The part that turns attributes into inputs.</summary>
internal static partial class OpsetUpgrade
{
    private static void IntsInput(NodeProto node, GraphProto graph, int position, string attribute)
    {
        if (node.Ints(attribute) is not { } values) return;
        IntsInput(node, graph, position, [.. values]);
        node.Without(attribute);
    }

    private static void IntsInput(NodeProto node, GraphProto graph, int position, long[] values)
    {
        var name = FreshName(graph, node, "axes");
        graph.Initializer.Add(Tensors.Of(name, values, values.Length));
        Place(node, position, name);
    }

    private static void FloatInput(NodeProto node, GraphProto graph, int position, string attribute, float absent)
    {
        var name = FreshName(graph, node, attribute);
        graph.Initializer.Add(Tensors.Of(name, [node.Float(attribute, absent)]));
        Place(node, position, name);
        node.Without(attribute);
    }

    private static void Place(NodeProto node, int position, string name)
    {
        while (node.Input.Count <= position) node.Input.Add("");
        node.Input[position] = name;
    }

    private static string FreshName(GraphProto graph, NodeProto node, string part) => $"{node.Output[0]}/{part}{graph.Initializer.Count}";
}
