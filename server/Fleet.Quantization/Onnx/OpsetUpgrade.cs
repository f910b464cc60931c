using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf.Collections;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Raises a model of operator set 7 to 12 to 13, operator by operator after the specification's change log
/// (https://github.com/onnx/onnx/blob/main/docs/Changelog.md). Mostly attributes that became inputs.
/// </summary>
internal static partial class OpsetUpgrade
{
    /// <summary>The oldest set that is read: before it broadcasting was spelled differently.</summary>
    private const long Oldest = 7;

    /// <summary>
    /// Rewrites <paramref name="model"/> in place. Constants must be initializers and shapes inferred, as ONNX Runtime saves them.
    /// </summary>
    /// <exception cref="InvalidDataException">The model is older than can be raised, or uses an operator in a way the newer set cannot
    /// say.</exception>
    public static void To13(ModelProto model)
    {
        var from = model.StandardVersion();
        if (from >= 13) return;
        if (from < Oldest)
            throw new InvalidDataException(
                $"The model is written in operator set {from}; {Oldest} and later can be raised to 13. Export it again with a newer one.");
        Upgrade(model.Graph, from, new OnnxGraph(model));
        model.Declare("", 13);
        model.IrVersion = Math.Max(model.IrVersion, 7);
    }

    private static void Upgrade(GraphProto graph, long from, OnnxGraph index)
    {
        var nodes = graph.Node.ToArray();
        graph.Node.Clear();
        foreach (var node in nodes)
        {
            foreach (var inner in node.Subgraphs()) Upgrade(inner, from, index);
            if (node.IsStandard()) Upgrade(node, from, graph);
            if (node.Is("Softmax") || node.Is("LogSoftmax") || node.Is("Hardmax")) graph.Node.AddRange(Softmax(node, index));
            else graph.Node.Add(node);
        }
    }

    private static void Upgrade(NodeProto node, long from, GraphProto graph)
    {
        switch (node.OpType)
        {
            case "Clip" when from < 11:
                FloatInput(node, graph, 1, "min", float.MinValue);
                FloatInput(node, graph, 2, "max", float.MaxValue);
                break;
            case "Pad" when from < 11:
                IntsInput(node, graph, 1, "pads");
                FloatInput(node, graph, 2, "value", 0);
                break;
            case "Slice" when from < 10:
                IntsInput(node, graph, 1, "starts");
                IntsInput(node, graph, 2, "ends");
                IntsInput(node, graph, 3, "axes");
                break;
            case "TopK" when from < 10:
                IntsInput(node, graph, 1, [node.Int("k", 1)]);
                node.Without("k");
                break;
            case "Squeeze" or "Unsqueeze" or "ReduceSum":
                IntsInput(node, graph, 1, "axes");
                break;
            case "Split":
                IntsInput(node, graph, 1, "split");
                break;
            case "Dropout" when from < 12:
                node.Without("ratio");
                break;
            case "BatchNormalization" when from < 9:
                node.Without("spatial");
                break;
            case "Scan" when from < 9:
                throw new InvalidDataException(
                    $"{node.Title()} is a Scan of operator set 8, whose batches later sets do not have; export the model with set 9 or "
                        + $"later.");
            case "Scatter" when from < 11:
                node.OpType = "ScatterElements";
                break;
            case "Upsample":
                UpsampleToResize(node, from, graph);
                break;
            case "Resize" when from < 11:
                Resize(node, node.Input[1]);
                break;
        }
    }

    /// <summary>
    /// Before 13 the axes from <c>axis</c> on were taken as one; from 13 on only that axis is normalized. They agree on the last
    /// axis; where it is another, or the rank is not known, the axes are made one and parted again.
    /// </summary>
    private static IEnumerable<NodeProto> Softmax(NodeProto node, OnnxGraph index)
    {
        var axis = node.Int("axis", 1);
        var shape = index.TypeOf(node.Input[0])?.TensorType?.Shape?.Dim;
        // All later extents being 1, normalizing over them too changes nothing.
        if (axis == -1 || shape is not null && IsLastThatMatters(shape, axis < 0 ? axis + shape.Count : axis))
            return [node.With("axis", axis)];
        var (input, output) = (node.Input[0], node.Output[0]);
        string extents = $"{output}/extents", rows = $"{output}/rows", normalized = $"{output}/normalized";
        node.Input[0] = rows;
        node.Output[0] = normalized;
        return
        [
            Nodes.Node("Shape", [input], [extents], $"{node.Name}/extents"),
            Nodes.Node("Flatten", [input], [rows], $"{node.Name}/rows").With("axis", axis),
            node.With("axis", 1),
            Nodes.Node("Reshape", [normalized, extents], [output], $"{node.Name}/parted"),
        ];
    }

    private static bool IsLastThatMatters(RepeatedField<TensorShapeProto.Types.Dimension> shape, long axis)
        => axis < shape.Count && shape.Skip((int)axis + 1).All(extent => extent.DimValue == 1);
}
