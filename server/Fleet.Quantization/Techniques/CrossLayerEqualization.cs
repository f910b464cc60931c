using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Cross-layer equalization (M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-Free Quantization Through Weight
/// Equalization and Bias Correction", arXiv 1906.04721, section 4.1). Where a Relu or a pooling lies between two layers,
/// <c>f(s x) = s f(x)</c> for s above 0, so a channel may be divided by s in the first and multiplied by s in the second. The paper
/// maximizes the sum over channels of the share each has of the two ranges that limit it, which
/// <c>s = (1 / r2) sqrt(r1 r2)</c> reaches.
/// <para>
/// The paper's two ranges are of weights with one scale for all. Ours have a scale for each output channel, so what channels still
/// share is the scale of the activation between the layers (r1, calibrated) and of the rows of the second weight (r2). A depthwise
/// second layer has a row for each channel: there r1 alone decides and every channel gets the full range.
/// </para>
/// </summary>
internal sealed class CrossLayerEqualization : ITechnique
{
    /// <summary>Most that one channel is stretched against another: one that was hardly seen may yet turn up larger.</summary>
    private const double LargestRatio = 64;

    /// <inheritdoc/>
    public string Name => "equalization";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => graph.Graph.Node.Any(node => Pair.At(node, graph) is not null);

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => source.ChangedOnce(Name, () => Equalized(source, scheme, cancellationToken));

    private static QuantizationSource Equalized(QuantizationSource source, IQuantizationScheme scheme, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var pairs = graph.Graph.Node.Select(node => Pair.At(node, graph)).OfType<Pair>().ToArray();
        if (pairs.Length == 0) return source;
        var moments = ChannelMoments.Run(graph.Model, pairs.ToDictionary(pair => pair.Between, pair => pair.ChannelAxis), source.Samples!,
            source.BatchSize, cancellationToken);

        var weights = new ScaledWeights();
        foreach (var pair in pairs) Equalize(pair, moments[pair.Between].Extremes, weights);
        return source.Recalibrated(new PreparedModel(weights.WriteInto(graph.Model)), scheme, cancellationToken, ChangedBy(pairs, graph));
    }

    /// <summary>What lies between the layers of each pair; all else is what it was.</summary>
    private static HashSet<string> ChangedBy(IEnumerable<Pair> pairs, OnnxGraph graph)
    {
        var changed = new HashSet<string>();
        foreach (var pair in pairs)
        {
            var ends = pair.Readers.Select(reader => reader.Operator.Node).ToHashSet();
            var next = new Queue<string>([pair.First.Node.Output[0]]);
            while (next.TryDequeue(out var value))
            {
                if (!changed.Add(value)) continue;
                foreach (var node in graph.ConsumersOf(value).Where(node => !ends.Contains(node)))
                {
                    foreach (var output in node.Output) next.Enqueue(output);
                }
            }
        }
        return changed;
    }

    private static void Equalize(Pair pair, float[] extremes, ScaledWeights weights)
    {
        var rows = new double[extremes.Length];
        foreach (var reader in pair.Readers.Where(reader => !reader.IsDepthwise))
            LargestShares(reader, weights.Of(reader.Operator.Weight), rows);

        var factors = new double[extremes.Length];
        for (var channel = 0; channel < factors.Length; channel++)
        {
            // A channel that never fires has nothing to scale; one that nobody reads may have any scale.
            if (extremes[channel] > 0)
                factors[channel] = rows[channel] > 0 ? Math.Sqrt(extremes[channel] / rows[channel]) : extremes[channel];
        }
        var largest = factors.Max();
        if (largest == 0) return;
        for (var channel = 0; channel < factors.Length; channel++)
            factors[channel] = factors[channel] == 0 ? 1 : Math.Max(factors[channel] / largest, 1 / LargestRatio);

        weights.ScaleOutputs(pair.First, factors);
        foreach (var reader in pair.Readers) weights.ScaleInputs(reader, factors);
    }

    /// <summary>Of each input channel the largest share that one of its weights has of its row's range.</summary>
    private static void LargestShares(Reader reader, float[] values, double[] shares)
    {
        var largest = new float[reader.Operator.Channels];
        reader.ForEach(values, (at, row, _) => largest[row] = Math.Max(largest[row], Math.Abs(values[at])));
        reader.ForEach(values, (at, row, channel) =>
        {
            if (largest[row] > 0) shares[channel] = Math.Max(shares[channel], Math.Abs(values[at]) / largest[row]);
        });
    }

    /// <summary>A layer and those that read it through operators for which f(s x) = s f(x), channel by channel.</summary>
    private sealed record Pair(WeightedOperator First, string Between, IReadOnlyList<Reader> Readers)
    {
        /// <summary>Axis of the channels in the value between.</summary>
        public int ChannelAxis => First.Node.OpType == "Conv" ? 1 : -1;

        public static Pair? At(NodeProto node, OnnxGraph graph)
        {
            if (WeightedOperator.At(node, graph) is not { } first || !IsOwn(first, graph)) return null;
            var between = node.Output[0];
            if (graph.OnlyConsumerOf(between) is { } relu && relu.Is("Relu")) between = relu.Output[0];
            return ReadersOf(between, first, graph) is { Count: > 0 } readers ? new Pair(first, between, readers) : null;
        }

        /// <summary>The layers that read a value, or null when something else does.</summary>
        private static List<Reader>? ReadersOf(string value, WeightedOperator first, OnnxGraph graph)
        {
            if (graph.IsOutput(value)) return null;
            var readers = new List<Reader>();
            foreach (var node in graph.ConsumersOf(value))
            {
                if (WeightedOperator.At(node, graph) is { } second)
                {
                    if (node.Input[0] != value || !IsOwn(second, graph) || Reader.Of(second, first.Channels) is not { } reader
                        || (second.Node.OpType == "Conv") != (first.Node.OpType == "Conv"))
                        return null;
                    readers.Add(reader);
                }
                else if (node.IsStandard() && node.OpType is "Relu" or "LeakyRelu" or "MaxPool" or "AveragePool" && node.OutputAt(1) is null
                    && ReadersOf(node.Output[0], first, graph) is { } further)
                {
                    readers.AddRange(further);
                }
                else
                {
                    return null;
                }
            }
            return readers;
        }

        /// <summary>True when nobody else reads the layer's weight and bias.</summary>
        private static bool IsOwn(WeightedOperator layer, OnnxGraph graph)
            => graph.ConsumersOf(layer.Weight.Name).Count == 1
                && (layer.Bias is null || graph.ConsumersOf(layer.Bias.Name).Count == 1 && layer.Bias.Elements() == layer.Channels);
    }

    /// <summary>A layer whose input channels are scaled.</summary>
    private sealed record Reader(WeightedOperator Operator, int InputChannels, int Groups)
    {
        public bool IsDepthwise => Groups > 1 && Groups == InputChannels;

        public static Reader? Of(WeightedOperator layer, int channels)
        {
            var groups = layer.Node.OpType == "Conv" ? (int)layer.Node.Int("group", 1) : 1;
            var perGroup = layer.Node.OpType == "Conv" ? layer.Weight.Dims[1] : layer.Weight.Elements() / layer.Channels;
            return perGroup * groups == channels ? new Reader(layer, channels, groups) : null;
        }

        /// <summary>Visits every weight with its place, its output channel and the input channel it multiplies.</summary>
        public void ForEach(float[] values, Action<int, int, int> visit)
        {
            var layer = Operator;
            if (layer.Node.OpType == "Conv")
            {
                int perGroup = InputChannels / Groups, rowsPerGroup =
                    layer.Channels / Groups, kernel = values.Length / layer.Channels / perGroup;
                for (var i = 0; i < values.Length; i++)
                {
                    var row = i / (perGroup * kernel);
                    visit(i, row, row / rowsPerGroup * perGroup + i / kernel % perGroup);
                }
                return;
            }
            var last = (int)layer.Weight.Dims[1];
            for (var i = 0; i < values.Length; i++) visit(i, layer.Axis == 0 ? i / last : i % last, layer.Axis == 0 ? i % last : i / last);
        }
    }

    /// <summary>The weights and biases changed so far.</summary>
    private sealed class ScaledWeights
    {
        private readonly Dictionary<string, float[]> _values = [];

        public float[] Of(TensorProto tensor)
            => _values.TryGetValue(tensor.Name, out var values) ? values : _values[tensor.Name] = [.. tensor.ToSingles()];

        public void ScaleOutputs(WeightedOperator layer, double[] factors)
        {
            var values = Of(layer.Weight);
            var inner = (int)layer.Weight.Dims.Skip(layer.Axis + 1).Aggregate(1L, (product, extent) => product * extent);
            for (var i = 0; i < values.Length; i++) values[i] = (float)(values[i] / factors[i / inner % factors.Length]);
            if (layer.Bias is null) return;
            var bias = Of(layer.Bias);
            for (var i = 0; i < bias.Length; i++) bias[i] = (float)(bias[i] / factors[i]);
        }

        public void ScaleInputs(Reader reader, double[] factors)
        {
            var values = Of(reader.Operator.Weight);
            reader.ForEach(values, (at, _, channel) => values[at] = (float)(values[at] * factors[channel]));
        }

        public ModelProto WriteInto(ModelProto model)
        {
            var written = model.Clone();
            for (var i = 0; i < written.Graph.Initializer.Count; i++)
            {
                var tensor = written.Graph.Initializer[i];
                if (_values.TryGetValue(tensor.Name, out var values))
                    written.Graph.Initializer[i] = Tensors.Of(tensor.Name, values, [.. tensor.Dims]);
            }
            return written;
        }
    }
}
