using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Types and shapes of a graph's inner values, as ONNX Runtime infers them: asked for as outputs, it must say what they are.
/// </summary>
internal static class ValueTypes
{
    /// <summary>Writes the type of every value that a node of the main graph makes into the graph.</summary>
    public static void InferInto(ModelProto model)
    {
        var declared = new HashSet<string>(model.Graph.Output.Select(output => output.Name));
        string[] inner = [
            .. model.Graph.Node.SelectMany(node => node.Output).Where(value => value.Length > 0 && !declared.Contains(value)),
        ];
        var asked = model.Clone();
        asked.Graph.ValueInfo.Clear();
        asked.Graph.Output.AddRange(inner.Select(value => new ValueInfoProto { Name = value }));
        using var session = OnnxRuntimeSession.Open(asked, "the model", GraphOptimizationLevel.ORT_DISABLE_ALL);
        model.Graph.ValueInfo.Clear();
        model.Graph.ValueInfo.AddRange(
            inner.Where(value => session.OutputMetadata[value].IsTensor).Select(value => Describe(value, session.OutputMetadata[value])));
    }

    private static ValueInfoProto Describe(string name, NodeMetadata metadata)
    {
        // The runtime numbers element types as the format does.
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)metadata.ElementDataType };
        // The runtime gives no extents for a scalar and for a value of unknown rank alike (an If whose branches differ): neither is
        // claimed.
        if (metadata.Dimensions is { Length: > 0 } extents)
        {
            tensor.Shape = new TensorShapeProto();
            foreach (var (axis, extent) in extents.Index())
            {
                var dimension = new TensorShapeProto.Types.Dimension();
                if (extent >= 0) dimension.DimValue = extent;
                else if (metadata.SymbolicDimensions[axis] is { Length: > 0 } symbol) dimension.DimParam = symbol;
                tensor.Shape.Dim.Add(dimension);
            }
        }
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
