using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Weights;

/// <summary>A constant that is multiplied with, or looked up in, wherever in the model's graphs it lies.</summary>
/// <param name="Home">The graph that holds it.</param>
/// <param name="Tensor">The constant.</param>
/// <param name="Axis">The axis whose slices each get a scale: output channels, gates, rows of a table.</param>
/// <param name="Readers">First outputs of the operators that read it.</param>
internal sealed record StoredWeight(GraphProto Home, TensorProto Tensor, int Axis, IReadOnlyList<string> Readers)
{
    /// <summary>What a DequantizeLinear with its names weighs in the file.</summary>
    private const int NodeBytes = 100;

    /// <summary>Every float constant of <paramref name="model"/> that signed bytes would make smaller, but those of a front end.</summary>
    public static IReadOnlyList<StoredWeight> Of(ModelProto model)
    {
        var homes = new Dictionary<string, (GraphProto Graph, TensorProto Tensor)>();
        var inputs = new HashSet<string>(model.Graph.Input.Select(input => input.Name));
        foreach (var graph in Scopes.Of(model.Graph))
        {
            foreach (var tensor in graph.Initializer.Where(tensor => !inputs.Contains(tensor.Name)))
                homes.TryAdd(tensor.Name, (graph, tensor));
        }
        // An output of a graph must be made there: its constant stays as it is.
        foreach (var output in Scopes.Of(model.Graph).SelectMany(graph => graph.Output)) homes.Remove(output.Name);

        var (found, front) = (new Dictionary<string, (int Axis, List<string> Readers)>(), FrontEndMark.Of(model));
        foreach (var node in Scopes.NodesOf(model.Graph).Where(node => node.IsStandard() && node.OutputAt(0) is { } first
            && !front.Contains(first)))
        {
            foreach (var (name, axis) in WeightsOf(node, name => homes.TryGetValue(name, out var home) ? home.Tensor.Dims.Count : null))
            {
                // The first reader chooses the axis; all read the same rounded values.
                if (!found.TryGetValue(name, out var weight)) found[name] = weight = (axis, []);
                weight.Readers.Add(node.OutputAt(0) ?? node.Output.First(output => output.Length > 0));
            }
        }
        return [
            .. found.Select(pair => new StoredWeight(homes[pair.Key].Graph, homes[pair.Key].Tensor, pair.Value.Axis, pair.Value.Readers))
                .Where(weight => weight.Gains),
        ];
    }

    /// <summary>Its values.</summary>
    /// <exception cref="InvalidDataException">One of them is not finite; the message says which.</exception>
    public float[] Values()
    {
        var values = Tensor.ToSingles();
        return Array.FindIndex(values, value => !float.IsFinite(value)) is >= 0 and var bad
            ? throw new InvalidDataException($"Weight '{Tensor.Name}' holds {values[bad]} at {bad}; only finite weights can be quantized.")
            : values;
    }

    /// <summary>Its values as signed bytes; rounded once, then remembered.</summary>
    /// <exception cref="InvalidDataException">One of them is not finite; the message says which.</exception>
    public BalancedWeights Balanced() => RoundedOnce.Of(Tensor, (nameof(BalancedWeights), Axis, string.Join(',', Tensor.Dims)),
        () => BalancedWeights.Of(Values(), Tensor.Dims, Axis));

    private bool Gains
    {
        get
        {
            var width = (DataType)Tensor.DataType switch { DataType.Float => 4, DataType.Float16 => 2, _ => 0 };
            return width > 0 && Tensor.Elements() * (width - 1) > Tensor.Dims[Axis] * 4 + NodeBytes;
        }
    }

    /// <summary>The constants <paramref name="node"/> multiplies with, each with the axis of its output channels.</summary>
    private static IEnumerable<(string Name, int Axis)> WeightsOf(NodeProto node, Func<string, int?> rankOf)
    {
        (int Input, Func<int, int> Axis)[] places = node.OpType switch
        {
            "Conv" => [(1, _ => 0)],
            "ConvTranspose" => [(1, _ => 1)],
            "Gemm" => [(0, _ => node.Int("transA", 0) != 0 ? 1 : 0), (1, _ => node.Int("transB", 0) != 0 ? 0 : 1)],
            "MatMul" => [(0, rank => rank - 2), (1, rank => rank - 1)],
            "LSTM" or "GRU" or "RNN" => [(1, _ => 1), (2, _ => 1)],
            "Gather" => [(0, _ => (int)node.Int("axis", 0))],
            _ => [],
        };
        foreach (var (input, axisOf) in places)
        {
            if (node.InputAt(input) is { } name && rankOf(name) is >= 2 and var rank && axisOf(rank) is var axis && axis >= -rank
                && axis < rank)
                yield return (name, axis < 0 ? axis + rank : axis);
        }
    }
}
