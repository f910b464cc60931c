using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Tables that rows are picked from by number, such as vectors of words, as signed bytes with a scale for each column: the
/// integers are picked, and only the picked rows become float. Of a text model with a small encoder the table is most of the file.
/// </summary>
internal static class EmbeddingTables
{
    /// <summary>Smaller tables are not worth two operators.</summary>
    private const int SmallestElements = 4096;

    /// <summary>The tables of the main graph that are worth it.</summary>
    public static IEnumerable<TensorProto> Of(OnnxGraph graph) => graph.Graph.Initializer.Where(tensor => IsTable(tensor, graph));

    /// <summary>
    /// The same model with each table's values as <see cref="Shrink"/> will store them, still in float: what is trained around them is what
    /// is shipped.
    /// </summary>
    public static PreparedModel Rounded(PreparedModel model)
    {
        var rounded = model.Model.Clone();
        foreach (var table in Of(model.Graph))
        {
            var quantized = ChannelWeights.Of(table.ToSingles(), table.Dims, axis: 1);
            var at = rounded.Graph.Initializer.Select(tensor => tensor.Name).ToList().IndexOf(table.Name);
            rounded.Graph.Initializer[at] = Tensors.Of(table.Name,
                [.. quantized.Values.Select((value, i) => value * quantized.Scales[i % quantized.Scales.Length])], [.. table.Dims]);
        }
        return new PreparedModel(rounded);
    }

    /// <summary>What stands for a table among the operators of a scheme: the first output that is picked from it.</summary>
    public static IEnumerable<string> OperatorsOf(OnnxGraph graph) => Of(graph).Select(table => OperatorOf(table, graph));

    /// <summary>Stores the tables of <paramref name="model"/>, which is changed and returned.</summary>
    /// <param name="model">The model.</param>
    /// <param name="keptFloat">Operators that stay float, <see cref="OperatorsOf"/> among them.</param>
    public static ModelProto Shrink(ModelProto model, IReadOnlySet<string> keptFloat)
    {
        var graph = new OnnxGraph(model);
        var taken = new HashSet<string>(graph.Names);
        string Free(string name)
        {
            while (!taken.Add(name)) name += "_";
            return name;
        }
        foreach (var table in Of(graph).Where(table => !keptFloat.Contains(OperatorOf(table, graph))).ToArray())
        {
            var quantized = ChannelWeights.Of(table.ToSingles(), table.Dims, axis: 1);
            var (integers, scales) = (Free($"{table.Name}_int8"), Free($"{table.Name}_scale"));
            model.Graph.Initializer.Remove(table);
            model.Graph.Initializer.Add(Tensors.Of(integers, quantized.Values, [.. table.Dims]));
            model.Graph.Initializer.Add(Tensors.Of(scales, quantized.Scales, quantized.Scales.Length));
            foreach (var gather in graph.ConsumersOf(table.Name))
            {
                var (rows, output) = (Free($"{gather.Output[0]}_int8"), gather.Output[0]);
                (gather.Input[0], gather.Output[0]) = (integers, rows);
                model.Graph.Node.Insert(model.Graph.Node.IndexOf(gather) + 1,
                    Nodes.Node("DequantizeLinear", [rows, scales], [output], Free($"{gather.Name}_float")).With("axis", -1L));
            }
        }
        return model;
    }

    private static string OperatorOf(TensorProto table, OnnxGraph graph) => graph.ConsumersOf(table.Name)[0].Output[0];

    private static bool IsTable(TensorProto tensor, OnnxGraph graph)
        => tensor.Dims.Count == 2 && tensor.Is(TensorProto.Types.DataType.Float) && tensor.Elements() >= SmallestElements
            && graph.Constant(tensor.Name) == tensor && !graph.IsOutput(tensor.Name)
            && graph.ConsumersOf(tensor.Name) is { Count: > 0 } readers
            && readers.All(node => node.Is("Gather") && node.Int("axis", 0) == 0 && node.InputAt(0) == tensor.Name
                && node.InputAt(1) != tensor.Name && graph.Graph.Node.Contains(node));
}
