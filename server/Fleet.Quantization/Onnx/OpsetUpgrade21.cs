using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>Raises a model of operator set 13 or later to 21, the first with 4-bit integers and scales for blocks.</summary>
internal static class OpsetUpgrade21
{
    private const long Target = 21;

    private static readonly string[] Reductions = [
        "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare",
    ];

    /// <summary>
    /// Between the two only the axes of reductions have moved, from an attribute to an input, and Split wants its parts counted.
    /// </summary>
    public static void Apply(ModelProto model)
    {
        if (model.StandardVersion() >= Target) return;
        if (model.StandardVersion() < 18) Visit(model.Graph);
        model.Declare("", Target);
    }

    private static void Visit(GraphProto graph)
    {
        foreach (var node in graph.Node.Where(node => node.IsStandard()))
        {
            if (Reductions.Contains(node.OpType) && node.Ints("axes") is { } axes)
            {
                var name = $"{node.Output[0]}/axes";
                graph.Initializer.Add(Tensors.Of(name, axes.ToArray(), axes.Count));
                node.Without("axes").Input.Add(name);
            }
            if (node.OpType == "Split" && node.InputAt(1) is null) node.With("num_outputs", node.Output.Count);
            foreach (var inner in node.Subgraphs()) Visit(inner);
        }
    }
}
