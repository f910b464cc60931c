using System.Numerics.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Vectors that a quantized model adds or multiplies in float, such as biases and the scales of normalizations: 16 bits in the file, float
/// once it is loaded, as <see cref="KeptWeights"/> are. Beside weights of one byte they are no longer little: 0.7 % of MiniLM-L6. Rounding
/// them leaves at most 0.0005 of each, where a byte leaves 0.004 of the largest weight.
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
            var values = vector.ToSingles();
            // One that is too small for the exponents of 16 bits stays as it is, and so does what is not a number.
            if (Array.Exists(values, value => value != 0 && !(Math.Abs(value) is > 1e-4f and < 6e4f))) continue;
            var halves = new Half[values.Length];
            TensorPrimitives.ConvertToHalf(values, halves);
            var half = Nodes.NewName("h", taken);
            model.Graph.Initializer.Remove(vector);
            model.Graph.Initializer.Add(Tensors.Of(half, halves, [.. vector.Dims]));
            // It keeps its name, and comes before everything that reads it.
            model.Graph.Node.Insert(0, Nodes.Node("Cast", [half], [vector.Name]).With("to", (long)DataType.Float));
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
