using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Vectors that a quantized model adds or multiplies in float, such as biases and the scales of normalizations: 16 bits in the file, float
/// once it is loaded, as <see cref="KeptWeights"/> are. Beside weights of one byte they are no longer little: MiniLM-L6 is 0.2 % smaller
/// so. Rounding them leaves at most 0.0005 of each, where a byte leaves 0.004 of the largest weight.
/// </summary>
internal static class FloatVectors
{
    /// <summary>Shorter ones save no more than the operator takes that makes them float.</summary>
    private const int Shortest = 64;

    /// <summary>Stores them so; the model is changed and returned.</summary>
    public static ModelProto Halve(ModelProto model)
    {
        var graph = new OnnxGraph(model);
        var taken = new HashSet<string>(graph.Names);
        foreach (var vector in model.Graph.Initializer.ToArray())
        {
            if (!vector.Is(DataType.Float) || vector.Elements() < Shortest || vector.Dims.Max() != vector.Elements()
                || graph.IsOutput(vector.Name) || !graph.ConsumersOf(vector.Name).All(node => Reads(node, vector.Name)))
                continue;
            // One that is too small for the exponents of 16 bits stays as it is, and so does what is not a number.
            if (!Array.Exists(vector.ToSingles(), value => value != 0 && !(Math.Abs(value) is > 1e-4f and < 6e4f)))
                KeptWeights.Halve(model.Graph, vector, taken);
        }
        return model;
    }

    private static bool Reads(NodeProto node, string vector) => node.IsStandard() && node.OpType switch
    {
        "Add" or "Sub" or "Mul" => true,
        "LayerNormalization" => node.Input[0] != vector,
        "Conv" or "Gemm" => node.InputAt(2) == vector,
        _ => false,
    };
}
