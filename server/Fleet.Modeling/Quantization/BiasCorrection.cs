using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Quantization;

/// <summary>
/// Bias correction (M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721,
/// section 4.2, in the empirical form of its appendix D). Rounding and clipping shift the mean of a layer's output:
/// <c>E[y~] - E[y]</c>, one number for each output channel, is measured over the samples and taken off the bias. Layers are
/// corrected from the first to the last, each seeing the corrected ones before it, so that no shift is taken off twice.
/// </summary>
internal sealed class BiasCorrection : IQuantizationStep
{
    /// <summary>Most passes over the samples; a model of more layers is corrected in that many stretches.</summary>
    private const int MaximumPasses = 48;

    /// <summary>Samples are enough for a mean of thousands of values each; more only take time.</summary>
    private const int MaximumSamples = 32;

    /// <inheritdoc/>
    public string Name => "bias correction";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => graph.Graph.Node.Any(node => WeightedOperator.At(node, graph) is { } layer && TakesBias(layer, graph));

    /// <inheritdoc/>
    public QuantizationSource Apply(QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var layers = scheme.OperatorsOf(graph).Except(keptFloat).Select(output => WeightedOperator.At(graph.ProducerOf(output)!, graph)).OfType<WeightedOperator>()
            .Where(layer => TakesBias(layer, graph)).ToArray();
        if (layers.Length == 0) return source;
        var samples = new FirstFeeds(source.Samples!, MaximumSamples);
        var wanted = ChannelMoments.Run(graph.Model, layers.ToDictionary(layer => layer.Node.Output[0], AxisOf), samples, source.BatchSize, cancellationToken);

        var corrected = source;
        foreach (var stretch in layers.Chunk((layers.Length + MaximumPasses - 1) / MaximumPasses))
        {
            var quantized = scheme.Apply(corrected, keptFloat);
            // A node keeps its name; what it writes may have got another.
            var written = quantized.Graph.Node.Where(node => node.OpType is "Conv" or "Gemm").ToDictionary(node => node.Name, node => node.Output[0]);
            var pairs = stretch.Where(layer => written.ContainsKey(layer.Node.Name)).Select(layer => (Layer: layer, Written: written[layer.Node.Name])).ToArray();
            var seen = ChannelMoments.Run(quantized, pairs.ToDictionary(pair => pair.Written, pair => AxisOf(pair.Layer)), samples, source.BatchSize, cancellationToken);
            corrected = corrected.WithModel(Shifted(corrected.Model, pairs.ToDictionary(pair => pair.Layer.Node.Name,
                pair => wanted[pair.Layer.Node.Output[0]].Means.Zip(seen[pair.Written].Means, (mean, shifted) => mean - shifted).ToArray())));
        }
        return corrected;
    }

    private static int AxisOf(WeightedOperator layer) => layer.Node.OpType == "Conv" ? 1 : -1;

    private static bool TakesBias(WeightedOperator layer, OnnxGraph graph)
        => layer.Node.OpType is "Conv" or "Gemm" && layer.BiasFactor != 0 && (layer.Bias is null || graph.ConsumersOf(layer.Bias.Name).Count == 1 && layer.Bias.Elements() == layer.Channels);

    /// <summary>The model with each layer's output moved by a number for each channel.</summary>
    private static PreparedModel Shifted(PreparedModel model, Dictionary<string, double[]> shifts)
    {
        var changed = model.Model.Clone();
        foreach (var node in changed.Graph.Node.Where(node => shifts.ContainsKey(node.Name)))
        {
            var layer = WeightedOperator.At(model.Graph.ProducerOf(node.Output[0])!, model.Graph)!;
            var shift = Array.ConvertAll(shifts[node.Name], value => (float)(value / layer.BiasFactor));
            if (layer.Bias is null)
            {
                var name = NewName(model.Graph, node.Output[0]);
                changed.Graph.Initializer.Add(Tensors.Of(name, shift, shift.Length));
                if (node.Input.Count == 2) node.Input.Add(name);
                else node.Input[2] = name;
                continue;
            }
            var at = changed.Graph.Initializer.Select(tensor => tensor.Name).ToList().IndexOf(layer.Bias.Name);
            changed.Graph.Initializer[at] = Tensors.Of(layer.Bias.Name, layer.Bias.ToSingles().Zip(shift, (bias, one) => bias + one).ToArray(), [.. layer.Bias.Dims]);
        }
        return new PreparedModel(changed);
    }

    private static string NewName(OnnxGraph graph, string output)
    {
        var name = output + "_bias";
        while (graph.Names.Contains(name)) name += "_";
        return name;
    }
}
