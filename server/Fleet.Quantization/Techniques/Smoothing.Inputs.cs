using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>The part that finds the values which matrix products read.</summary>
internal sealed partial class Smoothing
{
    /// <summary>The values that matrix products read, each with all the products that read it.</summary>
    private static List<ProductInput> Inputs(OnnxGraph graph)
    {
        // A product that is tied to a table would come apart from it.
        var tied = TiedTable.Of(graph).Select(one => one.Product.Weight.Name).ToHashSet();
        bool IsProduct(NodeProto node, string value, out WeightedOperator? product)
            => (product = WeightedOperator.At(node, graph)) is { Node.OpType: "MatMul" or "Gemm" } && node.Input[0] == value
                && graph.ConsumersOf(product.Weight.Name).Count == 1 && !tied.Contains(product.Weight.Name);

        var inputs = new List<ProductInput>();
        var values = graph.Graph.Input.Select(input => input.Name)
            .Concat(graph.Graph.Node.Where(node => node.OpType != "Reshape").SelectMany(node => node.Output)
                .Where(output => output.Length > 0));
        foreach (var value in values)
        {
            var (readers, products, others) = (new List<NodeProto>(), new List<WeightedOperator>(), graph.IsOutput(value));
            foreach (var node in graph.ConsumersOf(value))
            {
                if (IsProduct(node, value, out var direct))
                {
                    readers.Add(node);
                    products.Add(direct!);
                }
                // The runtime's own folding puts a Reshape between a sequence and its Gemm.
                else if (node.Is("Reshape") && node.Input[0] == value && !graph.IsOutput(node.Output[0])
                    && graph.ConsumersOf(node.Output[0]) is { Count: > 0 } behind
                    && behind.All(next => IsProduct(next, node.Output[0], out _)))
                {
                    readers.Add(node);
                    products.AddRange(behind.Select(next => WeightedOperator.At(next, graph)!));
                }
                else
                {
                    others = true;
                }
            }
            if (products.Count > 0 && products.All(
                product => product.Weight.Elements() / product.Channels == products[0].Weight.Elements() / products[0].Channels))
                inputs.Add(new ProductInput(value, readers, products, others));
        }
        return inputs;
    }

    /// <summary>A value that matrix products read.</summary>
    /// <param name="Value">Its name.</param>
    /// <param name="Readers">The products, or the Reshape before them.</param>
    /// <param name="Products">The products.</param>
    /// <param name="HasOthers">True when something else reads it too.</param>
    private sealed record ProductInput(
        string Value, IReadOnlyList<NodeProto> Readers, IReadOnlyList<WeightedOperator> Products, bool HasOthers)
    {
        /// <summary>
        /// Where the gain and bias of the layer normalization are read that makes the value; null where there is none, or others read the
        /// value.
        /// </summary>
        public IReadOnlyList<(NodeProto Node, int Input)>? GainAndBias(OnnxGraph graph, int channels)
        {
            if (HasOthers || graph.ProducerOf(Value) is not { } node) return null;
            bool Holds(NodeProto reader, int at) => graph.Constant(reader.InputAt(at))?.Elements() == channels;
            if (node.Is("LayerNormalization"))
                return Holds(node, 1) && (node.InputAt(2) is null || Holds(node, 2))
                    ? [(node, 1), .. node.InputAt(2) is null ? [] : new[] { (node, 2) }]
                    : null;
            if (!node.Is("Add") || (Holds(node, 1) ? 1 : Holds(node, 0) ? 0 : -1) is not (>= 0 and var shift)) return null;
            return graph.ProducerOf(node.Input[1 - shift]) is { } scaled && scaled.Is("Mul")
                && graph.OnlyConsumerOf(scaled.Output[0]) is not null
                && (Holds(scaled, 1) ? 1 : Holds(scaled, 0) ? 0 : -1) is >= 0 and var gain
                ? [(scaled, gain), (node, shift)] : null;
        }
    }
}
