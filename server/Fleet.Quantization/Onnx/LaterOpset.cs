using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Raises a model of operator set 13 or later to a later one, operator by operator after the specification's change log
/// (https://github.com/onnx/onnx/blob/main/docs/Changelog.md): what an operator says by default or by an attribute has moved in some.
/// </summary>
internal static class LaterOpset
{
    /// <summary>The newest set that models are raised to, and the first with 4-bit integers and scales for blocks.</summary>
    public const long Newest = 21;

    private static readonly string[] Reductions = [
        "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare",
    ];

    /// <summary>Rewrites <paramref name="model"/> in place; one that is as new stays as it is.</summary>
    /// <param name="model">The model.</param>
    /// <param name="target">The operator set.</param>
    /// <exception cref="InvalidDataException">It uses an operator in a way that the newer set cannot say.</exception>
    public static void Raise(ModelProto model, long target = Newest)
    {
        var from = model.StandardVersion();
        if (from >= target) return;
        Visit(model.Graph, version => from < version && version <= target);
        model.Declare("", target);
        model.IrVersion = Math.Max(model.IrVersion, target switch { >= 21 => 10, >= 19 => 9, >= 15 => 8, _ => 7 });
    }

    private static void Visit(GraphProto graph, Func<long, bool> passes)
    {
        foreach (var node in graph.Node.Where(node => node.IsStandard()))
        {
            Upgrade(node, graph, passes);
            foreach (var inner in node.Subgraphs()) Visit(inner, passes);
        }
    }

    private static void Upgrade(NodeProto node, GraphProto graph, Func<long, bool> passes)
    {
        switch (node.OpType)
        {
            case "RoiAlign" when passes(16) && node.Find("coordinate_transformation_mode") is null:
                node.With("coordinate_transformation_mode", "output_half_pixel");
                break;
            case "Split" when passes(18) && node.InputAt(1) is null:
                node.With("num_outputs", node.Output.Count);
                break;
            case var reduction when passes(18) && Reductions.Contains(reduction) && node.Ints("axes") is { } axes:
                node.Without("axes").Input.Add(Added(graph, Tensors.Of($"{node.Output[0]}/axes", axes.ToArray(), axes.Count)));
                break;
            case "GridSample" when passes(20) && node.Find("mode")?.S.ToStringUtf8() is "bilinear" or "bicubic":
                node.With("mode", node.Find("mode")!.S.ToStringUtf8()["bi".Length..]);
                break;
            case "DFT" when passes(20):
                var axis = node.Find("axis")?.I ?? 1;
                if (node.Input.Count < 2) node.Input.Add("");
                node.Without("axis").Input.Add(Added(graph, Tensors.Of($"{node.Output[0]}/axis", (ReadOnlySpan<long>)[axis])));
                break;
            case "GroupNormalization" when passes(21):
                throw new InvalidDataException($"{node.Title()} has a scale for each group, which operator set {Newest} cannot say; ask "
                    + $"for one before {Newest}.");
        }
    }

    private static string Added(GraphProto graph, TensorProto tensor)
    {
        graph.Initializer.Add(tensor);
        return tensor.Name;
    }
}
