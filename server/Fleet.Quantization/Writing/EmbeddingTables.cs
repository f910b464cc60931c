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

    /// <summary>Names of constants that picking with a scale for each row needs.</summary>
    private const string LastAxis = "table_last_axis", Zero = "table_zero";

    /// <summary>The tables of the main graph that are worth it.</summary>
    public static IEnumerable<TensorProto> Of(OnnxGraph graph) => graph.Graph.Initializer.Where(tensor => IsTable(tensor, graph));

    /// <summary>
    /// The same model with each table's values as <see cref="Shrink(ModelProto)"/> will store them, still in float: what is trained around
    /// them is what is shipped.
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

    /// <summary>
    /// What stands for a table among the operators of a scheme: the first output that is picked from it. One that is tied to a product goes
    /// with the product.
    /// </summary>
    public static IEnumerable<string> OperatorsOf(OnnxGraph graph)
    {
        var tied = TiedTable.Of(graph).Select(one => one.Table.Name).ToHashSet();
        return Of(graph).Where(table => !tied.Contains(table.Name)).Select(table => OperatorOf(table, graph));
    }

    /// <summary>Stores the tables of <paramref name="model"/>, which is changed and returned.</summary>
    /// <param name="model">The model.</param>
    /// <param name="keptFloat">Operators that stay float, <see cref="OperatorsOf"/> among them.</param>
    /// <param name="source">
    /// The float graph that the model was made of: a table that it ties to a product is rounded as the product's weight is.
    /// </param>
    /// <param name="unsigned">True where the weights of products are unsigned.</param>
    /// <param name="maySaturate">True where the weights of products are signed and what they are multiplied with is not.</param>
    public static ModelProto Shrink(
        ModelProto model, IReadOnlySet<string> keptFloat, OnnxGraph source, bool unsigned = false, bool maySaturate = true)
        => Shrink(model, keptFloat, TiedTable.Of(source).ToDictionary(one => one.Table.Name), unsigned, maySaturate);

    /// <summary>Stores the tables of a model of which none is tied, or each was rounded before.</summary>
    public static ModelProto Shrink(ModelProto model)
        => Shrink(model, new HashSet<string>(), new Dictionary<string, TiedTable>(), unsigned: false, maySaturate: false);

    private static ModelProto Shrink(
        ModelProto model, IReadOnlySet<string> keptFloat, IReadOnlyDictionary<string, TiedTable> tied, bool unsigned,
        bool maySaturate)
    {
        var graph = new OnnxGraph(model);
        var taken = new HashSet<string>(graph.Names);
        string Free(string name)
        {
            while (!taken.Add(name)) name += "_";
            return name;
        }
        foreach (var table in Of(graph).ToArray())
        {
            var product = tied.GetValueOrDefault(table.Name);
            if (keptFloat.Contains(product?.Product.Node.Output[0] ?? OperatorOf(table, graph))) continue;
            var byRow = product is { Axis: 0 };
            var quantized = product is null
                ? RoundedOnce.Of(table, (nameof(EmbeddingTables), string.Join(',', table.Dims)),
                    () => ChannelWeights.Of(table.ToSingles(), table.Dims, axis: 1))
                : ChannelWeights.Of(table.ToSingles(), table.Dims, axis: byRow ? 0 : 1,
                    maySaturate ? UnsaturatedScales.Of(product.Product) : null);
            var (integers, scales) = (Free($"{table.Name}_int8"), Free($"{table.Name}_scale"));
            model.Graph.Initializer.Remove(table);
            model.Graph.Initializer.Add(byRow && unsigned
                ? Tensors.Of(integers, Array.ConvertAll(quantized.Values, value => (byte)(value + QdqWriter.UnsignedZero)), [.. table.Dims])
                : Tensors.Over(integers, quantized.Values, [.. table.Dims]));
            model.Graph.Initializer.Add(Tensors.Of(scales, quantized.Scales, quantized.Scales.Length));
            foreach (var gather in graph.ConsumersOf(table.Name))
            {
                var (rows, output) = (Free($"{gather.Output[0]}_int8"), gather.Output[0]);
                (gather.Input[0], gather.Output[0]) = (integers, rows);
                NodeProto[] behind = byRow ? [.. ByRow(gather, scales, output, unsigned, Free)]
                    : [Nodes.Node("DequantizeLinear", [rows, scales], [output], Free($"{gather.Name}_float")).With("axis", -1L)];
                foreach (var (place, node) in behind.Index())
                    model.Graph.Node.Insert(model.Graph.Node.IndexOf(gather) + 1 + place, node);
            }
            if (byRow) Constants(model, unsigned);
        }
        return model;

        void Constants(ModelProto into, bool withZero)
        {
            if (taken.Add(LastAxis)) into.Graph.Initializer.Add(Tensors.Of(LastAxis, [-1L], 1));
            if (withZero && taken.Add(Zero)) into.Graph.Initializer.Add(Tensors.Of(Zero, [(float)QdqWriter.UnsignedZero]));
        }
    }

    /// <summary>Makes picked rows float that have a scale each, which is picked with them: DequantizeLinear has none for that.</summary>
    private static IEnumerable<NodeProto> ByRow(NodeProto gather, string scales, string output, bool unsigned, Func<string, string> free)
    {
        var (whole, picked, steps) = (free($"{output}_whole"), free($"{output}_scale"), free($"{output}_step"));
        yield return Nodes.Node("Cast", [gather.Output[0]], [whole]).With("to", (long)TensorProto.Types.DataType.Float);
        if (unsigned)
        {
            var signed = free($"{output}_signed");
            yield return Nodes.Node("Sub", [whole, Zero], [signed]);
            whole = signed;
        }
        yield return Nodes.Node("Gather", [scales, gather.Input[1]], [picked]);
        yield return Nodes.Node("Unsqueeze", [picked, LastAxis], [steps]);
        yield return Nodes.Node("Mul", [whole, steps], [output]);
    }

    /// <summary>True for a constant of enough floats.</summary>
    public static bool IsLarge(TensorProto tensor)
        => tensor.Dims.Count == 2 && tensor.Is(TensorProto.Types.DataType.Float) && tensor.Elements() >= SmallestElements;

    /// <summary>True for what may be a table by its own: whether rows are picked from it, its readers tell.</summary>
    public static bool IsCandidate(TensorProto tensor, OnnxGraph graph)
        => IsLarge(tensor) && graph.Constant(tensor.Name) == tensor && !graph.IsOutput(tensor.Name);

    /// <summary>True for an operator of the main graph that picks rows of <paramref name="table"/>.</summary>
    public static bool Picks(NodeProto node, TensorProto table, OnnxGraph graph)
        => node.Is("Gather") && node.Int("axis", 0) == 0 && node.InputAt(0) == table.Name && node.InputAt(1) != table.Name
            && graph.Graph.Node.Contains(node);

    private static string OperatorOf(TensorProto table, OnnxGraph graph) => graph.ConsumersOf(table.Name)[0].Output[0];

    private static bool IsTable(TensorProto tensor, OnnxGraph graph)
        => IsCandidate(tensor, graph) && graph.ConsumersOf(tensor.Name) is { Count: > 0 } readers
            && readers.All(node => Picks(node, tensor, graph));
}
