using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Bias correction (M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721,
/// section 4.2, in the empirical form of its appendix D). Rounding and clipping shift the mean of a layer's output:
/// <c>E[y~] - E[y]</c>, one number for each output channel, is measured over the samples and taken off the bias. Layers are
/// corrected from the first to the last, each seeing the corrected ones before it, so that no shift is taken off twice.
/// </summary>
internal sealed class BiasCorrection : ITechnique
{
    /// <summary>Samples that a mean is taken over: each gives as many values as a channel has places.</summary>
    private const int MostSamples = 32, FewestSamples = 4;

    /// <summary>Bytes of activations that may be held, by estimate, as long as <see cref="FewestSamples"/> go in.</summary>
    private const long HeldBytes = 256L << 20;

    /// <summary>
    /// What is held of a sample at a time, in largest activations: the one being computed, its input and a branch around both.
    /// </summary>
    private const int HeldActivations = 3;

    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    /// <inheritdoc/>
    public string Name => "bias correction";

    /// <inheritdoc/>
    /// <remarks>It takes off what was measured, and neither bytes nor time.</remarks>
    public double LeastGain => 0.05;

    /// <inheritdoc/>
    public bool SeesOthers => true;

    /// <inheritdoc/>
    /// <remarks>What one layer shifts another shifts on.</remarks>
    public bool FindsMoreExactly => true;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => graph.Graph.Node.Any(node => WeightedOperator.At(node, graph) is { } layer && TakesBias(layer, graph));

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => Corrected(source, ShiftsOf(source, LayersOf(source, scheme, keptFloat), scheme, keptFloat, cancellationToken));

    /// <inheritdoc/>
    /// <remarks>
    /// Each layer is corrected by what it shifts itself, whatever the others do (as NNCF's fast bias correction does): on PP-OCRv4's
    /// detector with one layer in float that is 19.1 dB in a fraction of the time, where shifts found with all layers quantized left 14.8.
    /// </remarks>
    public QuantizationSource ApplyRoughly(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        // What a layer shifts by itself is the same in every scheme that rounds it to the same integers.
        var known = (source with { Model = source.Unrounded }).Once(
            (Name, (scheme.Whole as StaticInt8Scheme)?.Form ?? (object)scheme, source.Calibrator, source.WeightScales.Count > 0),
            _ => new Dictionary<string, double[]?>());
        var all = LayersOf(source, scheme, None);
        if (!all.All(layer => known.ContainsKey(layer.Node.Name)))
        {
            var found = OwnShiftsOf(source, all, scheme, cancellationToken);
            foreach (var layer in all) known[layer.Node.Name] = found.GetValueOrDefault(layer.Node.Name);
        }
        return Corrected(source, LayersOf(source, scheme, keptFloat).Select(layer => (layer.Node.Name, Shift: known[layer.Node.Name]))
            .Where(own => own.Shift is not null).ToDictionary(own => own.Name, own => own.Shift!));
    }

    private static QuantizationSource Corrected(QuantizationSource source, Dictionary<string, double[]> shifts)
        => shifts.Count == 0 ? source : source.WithModel(Shifted(source.Model, shifts));

    private static WeightedOperator[] LayersOf(QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        var operators = scheme.OperatorsOf(graph).Except(keptFloat).ToHashSet();
        return [
            .. graph.Graph.Node.Where(node => operators.Contains(node.OutputAt(0) ?? ""))
                .Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>().Where(layer => TakesBias(layer, graph)),
        ];
    }

    /// <summary>By name of the layer, what is to be added to each of its channels for what it shifts itself.</summary>
    private static Dictionary<string, double[]> OwnShiftsOf(
        QuantizationSource source, WeightedOperator[] layers, IQuantizationScheme scheme, CancellationToken cancellationToken)
    {
        if (layers.Length == 0) return [];
        // A bias for every layer, as the corrected model has.
        var nothing = layers.ToDictionary(layer => layer.Node.Name, layer => new double[layer.Channels]);
        var quantized = scheme.Apply(Corrected(source, nothing), None);
        return OwnShifts.Of(source.Unrounded.Model, quantized, layers.Select(layer => (layer, AxisOf(layer))),
            new SpreadFeeds(source.Samples!, SamplesOf(source)), source.BatchSize, cancellationToken);
    }

    /// <summary>What the float model does, of every layer that any scheme could correct: it is the same for all.</summary>
    private static IReadOnlyDictionary<string, ChannelMoments> WantedOf(
        QuantizationSource source, IFeedSource samples, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        return (source with { Model = source.Unrounded }).Once(nameof(BiasCorrection), from => ChannelMoments.Run(
            from.Model.Model, graph.Graph.Node.Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>()
                .Where(layer => TakesBias(layer, graph)).ToDictionary(layer => layer.Node.Output[0], AxisOf),
            samples, source.BatchSize, cancellationToken));
    }

    /// <summary>The same for what it shifts and what layers before it do.</summary>
    private static Dictionary<string, double[]> ShiftsOf(
        QuantizationSource source, WeightedOperator[] layers, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat,
        CancellationToken cancellationToken)
    {
        var shifts = layers.ToDictionary(layer => layer.Node.Name, layer => new double[layer.Channels]);
        if (layers.Length == 0) return shifts;
        var samples = new SpreadFeeds(source.Samples!, SamplesOf(source));
        var wanted = WantedOf(source, samples, cancellationToken);
        // Quantized once, with a bias for every layer: what is measured changes these numbers alone.
        var quantized = scheme.Apply(Corrected(source, shifts), keptFloat);
        using var run = StretchedRun.Over(source.Model.Model, samples, cancellationToken);
        var stretched = true;
        foreach (var layer in layers)
        {
            // A node keeps its name; what it writes may have got another.
            if (quantized.Graph.Node.FirstOrDefault(
                node => node.Name == layer.Node.Name && node.OpType == layer.Node.OpType) is not { } written)
                continue;
            var seen = new ChannelMoments();
            stretched = stretched && run.Until(quantized, written.Output[0],
                value => seen.Add(value.GetTensorDataAsSpan<float>(), value.GetTensorTypeAndShape().Shape, AxisOf(layer)),
                cancellationToken);
            // The few models that cannot be run in stretches are run as a whole for each layer.
            if (!stretched)
                seen = ChannelMoments.Run(quantized, new Dictionary<string, int> { [written.Output[0]] = AxisOf(layer) }, samples,
                    source.BatchSize, cancellationToken)[written.Output[0]];
            shifts[layer.Node.Name] = wanted[layer.Node.Output[0]].Means.Zip(seen.Means, (mean, shifted) => mean - shifted).ToArray();
            WrittenBias.Move(quantized.Graph, written, layer, shifts[layer.Node.Name]);
        }
        return shifts;
    }

    private static int SamplesOf(QuantizationSource source)
    {
        var largest = source.Histograms.Values.Select(histogram => histogram.Count).DefaultIfEmpty()
            .Max() / Math.Max(1, source.Samples!.Count);
        return (int)Math.Clamp(HeldBytes / Math.Max(1, largest * sizeof(float) * HeldActivations), FewestSamples,
            Math.Min(MostSamples, source.TechniqueSamples));
    }

    private static int AxisOf(WeightedOperator layer) => layer.Node.OpType == "Conv" ? 1 : -1;

    /// <summary>True where a number can be added to each channel of what a layer writes.</summary>
    internal static bool TakesBias(WeightedOperator layer, OnnxGraph graph)
        => layer.Node.OpType is "Conv" or "Gemm" && layer.BiasFactor != 0
            && (layer.Bias is null || graph.ConsumersOf(layer.Bias.Name).Count == 1 && layer.Bias.Elements() == layer.Channels);

    /// <summary>The model with each layer's output moved by a number for each channel.</summary>
    internal static PreparedModel Shifted(PreparedModel model, Dictionary<string, double[]> shifts)
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
            changed.Graph.Initializer[at] = Tensors.Of(
                layer.Bias.Name, layer.Bias.ToSingles().Zip(shift, (bias, one) => bias + one).ToArray(), [.. layer.Bias.Dims]);
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
