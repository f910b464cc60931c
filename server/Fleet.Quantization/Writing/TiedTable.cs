using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Writing;

/// <summary>
/// A table of which rows are picked and which a matrix product multiplies with as well: a text model looks its words up in it, and scores
/// them by it. Both must round it alike, or it is stored twice.
/// </summary>
/// <param name="Table">The table.</param>
/// <param name="Product">The product: its weight is the table, or the copy turned on its side that folding leaves of a Transpose.</param>
internal sealed record TiedTable(TensorProto Table, WeightedOperator Product)
{
    /// <summary>Of the weights of all products, up to which a turned copy may be stored beside its table.</summary>
    private const double SmallShare = 0.02;

    /// <summary>True where the product's weight is a turned copy.</summary>
    public bool IsTurned => Product.Weight != Table;

    /// <summary>The axis of the table that counts the product's output channels, of which each has a scale.</summary>
    public int Axis => IsTurned ? 1 - Product.Axis : Product.Axis;

    /// <summary>The tables of a graph that are tied, each with the first product that is.</summary>
    public static IReadOnlyList<TiedTable> Of(OnnxGraph graph)
    {
        WeightedOperator[] products = [
            .. MatrixProducts.Of(graph).Where(product => product.WeightFactor == 1 && EmbeddingTables.IsLarge(product.Weight)),
        ];
        if (products.Length == 0) return [];
        return [
            .. graph.Graph.Initializer.Where(tensor => IsPickedAndMultiplied(tensor, graph))
                .Select(table => (Table: table, Product: products.FirstOrDefault(
                    product => product.Weight == table || StoredOnce.IsTurned(table, product.Weight))))
                .Where(pair => pair.Product is not null).Select(pair => new TiedTable(pair.Table, pair.Product!)),
        ];
    }

    /// <summary>
    /// Those that stay tied whatever it costs. A product whose weight is a turned copy, and little of all weights, may come apart: both are
    /// then rounded as each is best. What scores words is what a model answers, so that its error is felt most.
    /// </summary>
    public static IEnumerable<TiedTable> Inseparable(OnnxGraph graph)
    {
        var small = SmallShare * MatrixProducts.Of(graph).Sum(product => product.Weight.Elements());
        return Of(graph).Where(tied => !tied.IsTurned || tied.Table.Elements() > small);
    }

    /// <summary>
    /// Makes rows be picked from what the product's weight is once it is dequantized, in <paramref name="model"/>, which is changed and
    /// returned: TensorRT knows integers behind a DequantizeLinear alone, and lets a Transpose lie between that and a product.
    /// </summary>
    /// <param name="model">The quantized model.</param>
    /// <param name="source">The float graph that it was made of.</param>
    public static ModelProto PickFromWeights(ModelProto model, OnnxGraph source)
    {
        foreach (var tied in Of(source))
        {
            var graph = new OnnxGraph(model);
            var product = graph.Graph.Node.Single(node => node.Name == tied.Product.Node.Name);
            if (graph.ProducerOf(product.Input[1]) is not { OpType: "DequantizeLinear" } dequantize
                || graph.Constant(dequantize.InputAt(0)) is not { } integers)
                continue;
            // They come before everything that picks.
            graph.Graph.Node.Remove(dequantize);
            graph.Graph.Node.Insert(0, dequantize);
            if (tied.IsTurned)
            {
                var (turned, table) = (dequantize.Output[0], Nodes.NewName("d", [.. graph.Names]));
                graph.Graph.Initializer[graph.Graph.Initializer.IndexOf(integers)] = StoredOnce.Turned(integers);
                dequantize.With("axis", tied.Axis).Output[0] = table;
                graph.Graph.Node.Insert(1, Nodes.Node("Transpose", [table], [turned]).With("perm", [1L, 0L]));
            }
            var readers = graph.ConsumersOf(tied.Table.Name);
            foreach (var gather in readers.Where(node => node.Is("Gather"))) gather.Input[0] = dequantize.Output[0];
            if (readers.All(node => node.Is("Gather")))
                graph.Graph.Initializer.Remove(graph.Graph.Initializer.Single(tensor => tensor.Name == tied.Table.Name));
        }
        return model;
    }

    private static bool IsPickedAndMultiplied(TensorProto tensor, OnnxGraph graph)
        => EmbeddingTables.IsCandidate(tensor, graph) && graph.ConsumersOf(tensor.Name) is var readers
            && readers.Any(node => EmbeddingTables.Picks(node, tensor, graph))
            && readers.All(node => EmbeddingTables.Picks(node, tensor, graph) || WeightedOperator.At(node, graph)?.Weight == tensor);
}
