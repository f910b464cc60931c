using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// SmoothQuant (G. Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", arXiv
/// 2211.10438). A few channels of what enters a transformer's matrix products are ten and more times larger than the rest, and all
/// share one scale. Channel j of the activation is divided by <c>s_j = max|X_j|^a / max|W_j|^(1-a)</c>, a = 0.5, and row j of the
/// weights multiplied by it, which leaves the product as it was. The division goes into the gain and bias of the layer
/// normalization before; where others read that too, or there is none, into a Mul of its own.
/// </summary>
internal sealed partial class Smoothing : ITechnique
{
    private const double Migration = 0.5;

    /// <summary>A Mul of its own is worth its time only where a channel stands out by this from the middle one.</summary>
    private const double Outlier = 4;

    /// <inheritdoc/>
    public string Name => "smoothing";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => Inputs(graph).Count > 0;

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var inputs = Inputs(graph);
        if (inputs.Count == 0) return source;
        var moments = ChannelMoments.Run(
            graph.Model, inputs.ToDictionary(input => input.Value, _ => -1), source.Samples!, source.BatchSize, cancellationToken);

        var model = graph.Model.Clone();
        var changed = false;
        foreach (var input in inputs) changed |= Smooth(input, moments[input.Value].Extremes, graph, model);
        if (!changed) return source;
        var read = model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).ToHashSet();
        for (var i = model.Graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!read.Contains(model.Graph.Initializer[i].Name) && !graph.IsOutput(model.Graph.Initializer[i].Name))
                model.Graph.Initializer.RemoveAt(i);
        }
        return source.Recalibrated(new PreparedModel(model), scheme, cancellationToken);
    }

    private static bool Smooth(ProductInput input, float[] extremes, OnnxGraph graph, ModelProto model)
    {
        var rows = new float[extremes.Length];
        foreach (var product in input.Products)
        {
            if (product.Weight.Elements() / product.Channels != rows.Length) return false;
            var values = product.Weight.ToSingles();
            for (var i = 0; i < values.Length; i++) rows[RowOf(product, i)] = Math.Max(rows[RowOf(product, i)], Math.Abs(values[i]));
        }
        var factors = extremes.Zip(
            rows, (extreme, row) => extreme > 0 && row > 0 ? Math.Pow(extreme, Migration) / Math.Pow(row, 1 - Migration) : 1).ToArray();
        // The middle of the factors is 1, so that weights and activations keep their size.
        var middle = factors.Order().ElementAt(factors.Length / 2);
        for (var i = 0; i < factors.Length; i++) factors[i] /= middle;

        if (input.GainAndBias(graph, factors.Length) is { } folded)
        {
            foreach (var (node, at) in folded) Divide(model.Graph.Node.First(one => one.Name == node.Name), at, factors, graph, model);
        }
        else
        {
            if (extremes.Max() < Outlier * extremes.Order().ElementAt(extremes.Length / 2)) return false;
            Insert(input, factors, graph, model);
        }
        foreach (var product in input.Products) Replace(model, product.Weight, (value, i) => value * factors[RowOf(product, i)]);
        return true;
    }

    private static void Insert(ProductInput input, double[] factors, OnnxGraph graph, ModelProto model)
    {
        var (scaled, factor) = (FreeName(graph, input.Value + "_smooth"), FreeName(graph, input.Value + "_factor"));
        model.Graph.Initializer.Add(Tensors.Of(factor, Array.ConvertAll(factors, value => (float)(1 / value)), factors.Length));
        var readers = input.Readers.Select(reader => reader.Name).ToHashSet();
        foreach (var node in model.Graph.Node.Where(node => readers.Contains(node.Name))) OnnxGraph.Rewire(node, input.Value, scaled);
        var after = graph.ProducerOf(input.Value) is { } producer
            ? model.Graph.Node.Select(node => node.Name).ToList().IndexOf(producer.Name) + 1
            : 0;
        model.Graph.Node.Insert(after, Nodes.Node("Mul", [input.Value, factor], [scaled], scaled));
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

    private static void Replace(ModelProto model, TensorProto tensor, Func<double, int, double> change)
    {
        var at = model.Graph.Initializer.Select(one => one.Name).ToList().IndexOf(tensor.Name);
        var values = tensor.ToSingles();
        model.Graph.Initializer[at] = Tensors.Of(
            tensor.Name, values.Select((value, i) => (float)change(value, i)).ToArray(), [.. tensor.Dims]);
    }

    /// <summary>The row of a weight, which is the channel of the input it multiplies.</summary>
    private static int RowOf(WeightedOperator product, int at)
    {
        var last = (int)product.Weight.Dims[1];
        return product.Axis == 0 ? at % last : at / last;
    }

    private static string FreeName(OnnxGraph graph, string name)
    {
        while (graph.Names.Contains(name)) name += "_";
        return name;
    }
}
