using Fleet.Quantization.Onnx;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Inspection;

/// <summary>
/// In a variant of 16-bit floats values have names of their own, and operators those of the float model. Layers are found by values.
/// </summary>
internal static class HalfNames
{
    /// <summary>Gives 16-bit values the names that the same operators' values have in the float model.</summary>
    /// <param name="variant">The variant, with the types of its values; it is changed.</param>
    /// <param name="model">The float model.</param>
    /// <returns>An index over the variant as it is then.</returns>
    public static OnnxGraph Restored(OnnxGraph variant, OnnxGraph model)
    {
        var named = variant.Graph.Node.Where(node => node.Name.Length > 0).GroupBy(node => node.Name).ToDictionary(
            alike => alike.Key, alike => alike.First());
        foreach (var original in model.Graph.Node)
        {
            if (original.OutputAt(0) is not { } value || variant.Names.Contains(value)
                || !named.TryGetValue(original.Name, out var node) || node.OpType != original.OpType
                || node.OutputAt(0) is not { } half || variant.IsOutput(half)
                || variant.TypeOf(half)?.TensorType?.ElemType is not (int)DataType.Float16)
                continue;
            node.Output[0] = value;
            foreach (var reader in variant.ConsumersOf(half)) OnnxGraph.Rewire(reader, half, value);
            foreach (var info in variant.Graph.ValueInfo.Where(info => info.Name == half)) info.Name = value;
        }
        return new OnnxGraph(variant.Model);
    }
}
