using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Weights of operators that no kernel computes in integers (transposed convolutions, recurrent layers), or whose ranges no sample tells
/// (in a branch of <c>If</c> that none takes): bytes in the file that a Cast and a Mul make float. Both have only constants before them,
/// so the runtime computes them once when it loads the file, without any setting; a DequantizeLinear it would compute at every run.
/// </summary>
internal static class WeightsAtRest
{
    /// <summary>The weights of <paramref name="graph"/> that no operator in integers reads, tables apart.</summary>
    /// <param name="graph">The prepared float graph.</param>
    /// <param name="others">First outputs of operators that compute in integers, or stay float on purpose.</param>
    public static IEnumerable<StoredWeight> Of(OnnxGraph graph, IReadOnlySet<string> others)
        => StoredWeight.Of(graph.Model).Where(weight => weight.Tensor.Is(DataType.Float)
            && !weight.Readers.Any(output => others.Contains(output) || graph.ProducerOf(output) is { OpType: "Gather" }));

    /// <summary>Stores <paramref name="weights"/> as bytes in <paramref name="model"/>, which is changed and returned.</summary>
    public static ModelProto Store(ModelProto model, IEnumerable<StoredWeight> weights)
    {
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        var homes = new Dictionary<string, GraphProto>();
        foreach (var home in Scopes.Of(model.Graph))
        {
            foreach (var tensor in home.Initializer) homes.TryAdd(tensor.Name, home);
        }
        var renamed = weights.Where(weight => homes.ContainsKey(weight.Tensor.Name)).ToArray()
            .ToDictionary(weight => weight.Tensor.Name, weight => Store(homes[weight.Tensor.Name], weight, taken));
        foreach (var node in Scopes.NodesOf(model.Graph))
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = renamed.GetValueOrDefault(node.Input[i], node.Input[i]);
        }
        return model;
    }

    private static string Store(GraphProto home, StoredWeight weight, HashSet<string> taken)
    {
        var (tensor, axis) = (weight.Tensor, weight.Axis);
        var quantized = weight.Balanced();
        string New(string kind) => Nodes.NewName(kind, taken);
        var (integers, whole, scales, real) = (New("w"), New("f"), New("s"), New("d"));
        home.Initializer.Remove(home.Initializer.Single(one => one.Name == tensor.Name));
        home.Initializer.Add(Tensors.Over(integers, quantized.Values, [.. tensor.Dims]));
        home.Initializer.Add(Tensors.Of(
            scales, quantized.Scales, [.. tensor.Dims.Select((extent, at) => at == axis ? extent : 1)]));
        // They come before everything that reads the weight.
        home.Node.Insert(0, Nodes.Node("Cast", [integers], [whole]).With("to", (long)DataType.Float));
        home.Node.Insert(1, Nodes.Node("Mul", [whole, scales], [real]));
        if (quantized.PlaceScales.Length == 0) return real;
        var (places, balanced) = (New("s"), New("d"));
        home.Initializer.Add(Tensors.Of(places, quantized.PlaceScales, [.. tensor.Dims.Select((extent, at) => at == axis ? 1 : extent)]));
        home.Node.Insert(2, Nodes.Node("Mul", [real, places], [balanced]));
        return balanced;
    }
}
