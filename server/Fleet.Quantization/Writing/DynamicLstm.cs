using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// LSTM layers with 8-bit weights and activations rounded at run time: ONNX Runtime's DynamicQuantizeLSTM, in the main graph and
/// in the graphs inside its nodes.
/// </summary>
internal static class DynamicLstm
{
    /// <summary>First outputs of the layers that can become integer.</summary>
    public static IEnumerable<string> OperatorsOf(OnnxGraph graph)
        => Scopes.NodesOf(graph.Graph).Where(node => IsLayer(node, graph)).Select(node => node.Output.First(output => output.Length > 0));

    /// <summary>Rewrites the layers of <paramref name="model"/> that are not in <paramref name="keptFloat"/>.</summary>
    /// <param name="model">The model; it may hold quantized operators by now.</param>
    /// <param name="graph">The float graph it came from.</param>
    /// <param name="keptFloat">First outputs of layers that stay float.</param>
    public static void Rewrite(ModelProto model, OnnxGraph graph, IReadOnlySet<string> keptFloat)
    {
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        var homes = Scopes.Of(model.Graph).SelectMany(home => home.Initializer.Select(tensor => (tensor.Name, home)))
            .ToDictionary(pair => pair.Name, pair => pair.home);
        var stored = new Dictionary<string, (string Integers, string Scales, string Zeros)>();
        NodeProto[] layers = [.. Scopes.NodesOf(model.Graph).Where(node => IsLayer(node, graph) && !node.Output.Any(keptFloat.Contains))];
        foreach (var node in layers)
        {
            var (w, r) = (Store(node.Input[1]), Store(node.Input[2]));
            (node.OpType, node.Domain) = ("DynamicQuantizeLSTM", Opsets.Microsoft);
            node.Without("layout");
            (node.Input[1], node.Input[2]) = (w.Integers, r.Integers);
            while (node.Input.Count < 8) node.Input.Add("");
            node.Input.AddRange([w.Scales, w.Zeros, r.Scales, r.Zeros]);
        }
        if (layers.Length == 0) return;
        model.Declare(Opsets.Microsoft, 1);
        DropUnread(model);
        return;

        (string Integers, string Scales, string Zeros) Store(string weight)
        {
            if (stored.TryGetValue(weight, out var known)) return known;
            var tensor = graph.Constant(weight)!;
            var (values, scales) = Transposed(tensor);
            var (directions, gates, width) = (tensor.Dims[0], tensor.Dims[1], tensor.Dims[2]);
            var names = (Nodes.NewName("w", taken), Nodes.NewName("s", taken), Nodes.NewName("z", taken));
            var home = homes[weight];
            home.Initializer.Add(Tensors.Of(names.Item1, values, directions, width, gates));
            home.Initializer.Add(Tensors.Of(names.Item2, scales, directions, gates));
            home.Initializer.Add(Tensors.Of(names.Item3, [.. Enumerable.Repeat(Zero, scales.Length)], directions, gates));
            return stored[weight] = names;
        }
    }

    private static bool IsLayer(NodeProto node, OnnxGraph graph) => node.Is("LSTM") && node.Output.Any(output => output.Length > 0)
        && node.Int("layout", 0) == 0 && IsWeight(node, 1, graph) && IsWeight(node, 2, graph);

    private static bool IsWeight(NodeProto node, int input, OnnxGraph graph)
        => graph.Constant(node.InputAt(input)) is { Dims.Count: 3 } weight && weight.Is(DataType.Float) && weight.Elements() > 0;

    /// <summary>
    /// The integer of zero: weights are unsigned. Signed ones saturate on x86 without VNNI, where the session entry that repairs
    /// matrix products does not reach this operator: Silero's LSTM lost 5.3 dB there.
    /// </summary>
    private const byte Zero = QdqWriter.UnsignedZero;

    /// <summary>The operator wants inputs by gates where LSTM has gates by inputs; each gate of each direction has a scale.</summary>
    private static (byte[] Values, float[] Scales) Transposed(TensorProto tensor)
    {
        var (directions, gates, width) = ((int)tensor.Dims[0], (int)tensor.Dims[1], (int)tensor.Dims[2]);
        var quantized = ChannelWeights.Of(tensor.ToSingles(), [directions * gates, width], axis: 0);
        var values = new byte[quantized.Values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var (direction, gate, place) = (i / width / gates, i / width % gates, i % width);
            values[(direction * width + place) * gates + gate] = (byte)(quantized.Values[i] + Zero);
        }
        return (values, quantized.Scales);
    }

    private static void DropUnread(ModelProto model)
    {
        var read = new HashSet<string>(Scopes.NodesOf(model.Graph).SelectMany(node => node.Input)
            .Concat(Scopes.Of(model.Graph).SelectMany(graph => graph.Output).Select(output => output.Name)));
        foreach (var graph in Scopes.Of(model.Graph))
        {
            foreach (var unread in graph.Initializer.Where(tensor => !read.Contains(tensor.Name)).ToArray())
                graph.Initializer.Remove(unread);
        }
    }
}
