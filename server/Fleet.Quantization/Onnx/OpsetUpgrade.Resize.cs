using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>What became of the operators that resize.</summary>
internal static partial class OpsetUpgrade
{
    private static void UpsampleToResize(NodeProto node, long from, GraphProto graph)
    {
        node.OpType = "Resize";
        string scales;
        if (from < 9)
        {
            scales = FreshName(graph, node, "scales");
            graph.Initializer.Add(Tensors.Of(scales, [.. node.Find("scales")!.Floats], node.Find("scales")!.Floats.Count));
            node.Without("scales");
        }
        else
        {
            scales = node.Input[1];
        }
        Resize(node, scales);
    }

    /// <summary>What the older operators computed is asymmetric, with nearest rounding down.</summary>
    private static void Resize(NodeProto node, string scales)
    {
        var data = node.Input[0];
        node.Input.Clear();
        node.Input.AddRange([data, "", scales]);
        node.With("coordinate_transformation_mode", "asymmetric");
        if (node.Text("mode", "nearest") == "nearest") node.With("nearest_mode", "floor");
    }
}
