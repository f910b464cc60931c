using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>A value that matrix products read, whose channels can be scaled: what they are divided by, rows of the weights take.</summary>
/// <param name="Value">Its name.</param>
/// <param name="Products">The products.</param>
/// <param name="HasOthers">True when something else reads it too.</param>
internal sealed record ProductInput(string Value, IReadOnlyList<WeightedOperator> Products, bool HasOthers)
{
    /// <summary>Channels.</summary>
    public int Channels { get; } = (int)(Products[0].Weight.Elements() / Products[0].Channels);

    /// <summary>The values that matrix products read, each with all the products that read it.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="mayPart">True where a product of little weight may come apart from the table that it is tied to.</param>
    public static List<ProductInput> Of(OnnxGraph graph, bool mayPart = false)
    {
        // A product that is tied to a table would come apart from it.
        var tied = (mayPart ? TiedTable.Inseparable(graph) : TiedTable.Of(graph)).Select(one => one.Product.Weight.Name).ToHashSet();
        bool IsProduct(NodeProto node, string value, out WeightedOperator? product)
            => (product = WeightedOperator.At(node, graph)) is { Node.OpType: "MatMul" or "Gemm" } && node.Input[0] == value
                && graph.ConsumersOf(product.Weight.Name).Count == 1 && !tied.Contains(product.Weight.Name);

        var inputs = new List<ProductInput>();
        var values = graph.Graph.Input.Select(input => input.Name)
            .Concat(graph.Graph.Node.Where(node => node.OpType != "Reshape").SelectMany(node => node.Output)
                .Where(output => output.Length > 0));
        foreach (var value in values)
        {
            var (products, others) = (new List<WeightedOperator>(), graph.IsOutput(value));
            foreach (var node in graph.ConsumersOf(value))
            {
                if (IsProduct(node, value, out var direct)) products.Add(direct!);
                // The runtime's own folding puts a Reshape between a sequence and its Gemm.
                else if (node.Is("Reshape") && node.Input[0] == value && !graph.IsOutput(node.Output[0])
                    && graph.ConsumersOf(node.Output[0]) is { Count: > 0 } behind
                    && behind.All(next => IsProduct(next, node.Output[0], out _)))
                    products.AddRange(behind.Select(next => WeightedOperator.At(next, graph)!));
                else others = true;
            }
            if (products.Count > 0 && products.All(
                product => product.Weight.Elements() / product.Channels == products[0].Weight.Elements() / products[0].Channels))
                inputs.Add(new ProductInput(value, products, others));
        }
        return inputs;
    }

    /// <summary>The gain and the bias of the layer normalization that makes the value, as they are; null where there is none.</summary>
    public (float[] Gain, float[] Bias)? NormalizedBy(OnnxGraph graph)
    {
        if (Scaled(graph) is not { } places) return null;
        var gain = graph.Constant(places[0].Node.Input[places[0].Input])!.ToSingles();
        return (gain, places.Count > 1 ? graph.Constant(places[1].Node.Input[places[1].Input])!.ToSingles() : new float[gain.Length]);
    }

    /// <summary>
    /// Divides the channels by <paramref name="factors"/> and multiplies the weights' rows by them, which leaves the products as they were:
    /// in the gain and bias of the layer normalization before, or in a Mul that scales channels, where nothing else reads the value; else
    /// in a Mul of its own.
    /// </summary>
    /// <param name="factors">One for each channel.</param>
    /// <param name="graph">The graph as it was.</param>
    /// <param name="model">The model, which is changed.</param>
    /// <param name="mayInsert">False leaves everything as it is where it would take a Mul.</param>
    /// <returns>True where something was changed.</returns>
    public bool Divide(double[] factors, OnnxGraph graph, ModelProto model, bool mayInsert)
    {
        if (!HasOthers && (Scaled(graph) ?? Multiplied(graph)) is { } folded)
        {
            foreach (var (node, at) in folded) Divide(model.Graph.Node.First(one => one.Name == node.Name), at, factors, graph, model);
        }
        else
        {
            if (!mayInsert) return false;
            Insert(factors, graph, model);
        }
        foreach (var product in Products) Multiply(model, product, factors);
        return true;
    }

    /// <summary>Removes constants that nothing reads once channels were divided.</summary>
    public static void DropUnread(ModelProto model, OnnxGraph graph)
    {
        var read = model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).ToHashSet();
        for (var i = model.Graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!read.Contains(model.Graph.Initializer[i].Name) && !graph.IsOutput(model.Graph.Initializer[i].Name))
                model.Graph.Initializer.RemoveAt(i);
        }
    }

    /// <summary>The row of a weight, which is the channel of the input it multiplies.</summary>
    public static int RowOf(WeightedOperator product, int at)
    {
        var last = (int)product.Weight.Dims[1];
        return product.Axis == 0 ? at % last : at / last;
    }

    /// <summary>Where the gain and bias of the layer normalization that makes the value are read; null where there is none.</summary>
    private IReadOnlyList<(NodeProto Node, int Input)>? Scaled(OnnxGraph graph)
    {
        if (graph.ProducerOf(Value) is not { } node) return null;
        bool Holds(NodeProto reader, int at) => graph.Constant(reader.InputAt(at))?.Elements() == Channels;
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

    /// <summary>Where the constant is read by which channels are multiplied that make the value; null where they are not.</summary>
    private IReadOnlyList<(NodeProto Node, int Input)>? Multiplied(OnnxGraph graph)
    {
        if (graph.ProducerOf(Value) is not { } node || !node.Is("Mul")) return null;
        bool Holds(int at) => graph.Constant(node.InputAt(at)) is { Dims: [.., var last] } factor
            && last == Channels && factor.Elements() == Channels;
        return (Holds(1) ? 1 : Holds(0) ? 0 : -1) is >= 0 and var place ? [(node, place)] : null;
    }

    /// <summary>In front of the products themselves: before a Reshape the channels may still lie along two axes.</summary>
    private void Insert(double[] factors, OnnxGraph graph, ModelProto model)
    {
        var factor = FreeName(graph, Value + "_factor");
        model.Graph.Initializer.Add(Tensors.Of(factor, Array.ConvertAll(factors, value => (float)(1 / value)), factors.Length));
        foreach (var reading in Products.GroupBy(product => product.Node.Input[0]))
        {
            var (read, scaled) = (reading.Key, FreeName(graph, reading.Key + "_smooth"));
            var readers = reading.Select(product => product.Node.Name).ToHashSet();
            foreach (var node in model.Graph.Node.Where(node => readers.Contains(node.Name))) OnnxGraph.Rewire(node, read, scaled);
            var after = graph.ProducerOf(read) is { } producer
                ? model.Graph.Node.Select(node => node.Name).ToList().IndexOf(producer.Name) + 1
                : 0;
            model.Graph.Node.Insert(after, Nodes.Node("Mul", [read, factor], [scaled], scaled));
        }
    }

    /// <summary>Divides a constant of one node, which others may read as it was.</summary>
    private static void Divide(NodeProto node, int at, double[] factors, OnnxGraph graph, ModelProto model)
    {
        var tensor = graph.Constant(node.Input[at])!;
        var name = FreeName(graph, $"{node.Output[0]}_smooth{at}");
        model.Graph.Initializer.Add(
            Tensors.Of(name, tensor.ToSingles().Select((value, i) => (float)(value / factors[i])).ToArray(), [.. tensor.Dims]));
        node.Input[at] = name;
    }

    private static void Multiply(ModelProto model, WeightedOperator product, double[] factors)
    {
        var tensor = product.Weight;
        var at = model.Graph.Initializer.Select(one => one.Name).ToList().IndexOf(tensor.Name);
        model.Graph.Initializer[at] = Tensors.Of(tensor.Name,
            tensor.ToSingles().Select((value, i) => (float)(value * factors[RowOf(product, i)])).ToArray(), [.. tensor.Dims]);
    }

    private static string FreeName(OnnxGraph graph, string name)
    {
        while (graph.Names.Contains(name)) name += "_";
        return name;
    }
}
