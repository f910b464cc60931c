using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Rounds the weights of convolutions one after the other, so that what rounding one took off is given to those whose inputs are alike
/// (<see cref="Gptq"/>; for convolutions: E. Frantar and D. Alistarh, "Optimal Brain Compression", arXiv 2208.11580). Neighbours in a
/// picture or a sound are, so that errors that would add up cancel: in as many bytes, at the same speed.
/// </summary>
internal sealed class CompensatedRounding : ITechnique
{
    /// <summary>Patches of so many samples differ; of more, they hardly differ more.</summary>
    private const int MostSamples = 64;

    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    /// <inheritdoc/>
    public string Name => "compensated rounding";

    /// <inheritdoc/>
    /// <remarks>Each layer's error is less by construction, and it takes neither bytes nor time.</remarks>
    public double LeastGain => 0;

    /// <inheritdoc/>
    public bool SeesOthers => true;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => graph.Graph.Node.Any(node => WeightedOperator.At(node, graph) is { } layer && ConvolutionWindow.Of(layer) is not null);

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => scheme.Whole is not StaticInt8Scheme { Form: var form } ? source
            : keptFloat.Count == 0 ? ApplyRoughly(source, scheme, keptFloat, cancellationToken)
            : Rounded(source, form, scheme, keptFloat, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Layers that stay float keep what they were rounded to: what is found of the others later is then found once.</remarks>
    public QuantizationSource ApplyRoughly(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => scheme.Whole is not StaticInt8Scheme { Form: var form } ? source
            : source.ChangedOnce((Name, scheme), () => Rounded(source, form, scheme, None, cancellationToken));

    private QuantizationSource Rounded(QuantizationSource source, IntegerForm form, IQuantizationScheme scheme,
        IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var quantized = scheme.OperatorsOf(graph).Except(keptFloat).ToHashSet();
        var moments = source.Once(Name, from => PatchMoments.Run(graph, LayersOf(graph),
            new SpreadFeeds(from.Samples!, Math.Min(MostSamples, from.TechniqueSamples)), from.BatchSize, cancellationToken));
        var scales = new Dictionary<string, float[]>();
        var rounded = new Dictionary<string, RoundedLayer>();
        foreach (var layer in LayersOf(graph).Where(layer => quantized.Contains(layer.Node.Output[0])))
        {
            if (!moments.TryGetValue(layer.Node.Output[0], out var own)) continue;
            cancellationToken.ThrowIfCancellationRequested();
            var grid = QdqWriter.FreeScalesOf(layer, form);
            var made = RoundedOnce.Of(layer.Weight, (Name, form.IsUnsaturated),
                () => Rounded(layer, own, grid, form.IsUnsaturated, cancellationToken));
            if (made.Weights.Length > 0) (scales[layer.Node.Output[0]], rounded[layer.Weight.Name]) = (grid, made);
        }
        if (rounded.Count == 0) return source;
        var changed = source.Model.Model.Clone();
        for (var i = 0; i < changed.Graph.Initializer.Count; i++)
        {
            if (changed.Graph.Initializer[i] is var weight && rounded.TryGetValue(weight.Name, out var layer))
                changed.Graph.Initializer[i] = Tensors.Of(weight.Name, layer.Weights, [.. weight.Dims]);
        }
        var shifts = graph.Graph.Node.Where(node => scales.ContainsKey(node.OutputAt(0) ?? ""))
            .ToDictionary(node => node.Name, node => rounded[node.Input[1]].Shifts);
        return source.WithModel(BiasCorrection.Shifted(new PreparedModel(changed), shifts)) with
        {
            WeightScales = scales,
            Unrounded = source.Unrounded,
        };
    }

    /// <summary>Convolutions whose weight nothing else reads, and which can take up what rounding does to their mean.</summary>
    private static IEnumerable<WeightedOperator> LayersOf(OnnxGraph graph)
        => graph.Graph.Node.Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>()
            .Where(layer => layer.Node.Is("Conv") && graph.ConsumersOf(layer.Weight.Name).Count == 1
                && BiasCorrection.TakesBias(layer, graph));

    /// <summary>The layer's weights on their grid; none where what it reads cannot be weighed.</summary>
    private static RoundedLayer Rounded(
        WeightedOperator layer, PatchMoments moments, float[] scales, bool unsaturated, CancellationToken cancellationToken)
    {
        try
        {
            return RoundedTogether(layer, moments, scales, unsaturated, cancellationToken);
        }
        catch (ArithmeticException)
        {
            return new RoundedLayer([], []);
        }
    }

    private static RoundedLayer RoundedTogether(
        WeightedOperator layer, PatchMoments moments, float[] scales, bool unsaturated, CancellationToken cancellationToken)
    {
        var weights = layer.Values();
        var (values, groups) = (moments.Values, (int)layer.Node.Int("group", 1));
        var (columns, channels) = (layer.Channels / groups, (int)layer.Weight.Dims[1]);
        var places = values / channels;
        // Kernels that add pairs take them in the order in which patches are read.
        var pairs = unsaturated && SumOrder.Of(layer.Node, layer.Weight.Dims) is not null;
        var (matrix, result, shifts) = (new float[values * columns], new float[weights.Length], new double[layer.Channels]);
        for (var group = 0; group < groups; group++)
        {
            var first = group * columns;
            for (var row = 0; row < values; row++)
            {
                for (var column = 0; column < columns; column++) matrix[row * columns + column] = weights[PlaceOf(first + column, row)];
            }
            var (own, means) = (scales[first..(first + columns)], moments.MeansOf(group));
            var integers = new Gptq(moments.OfGroup(group), values, cancellationToken)
                .Round(matrix, own, pairs ? SumOrder.LargestPair : null, cancellationToken);
            for (var row = 0; row < values; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var real = result[PlaceOf(first + column, row)] = integers[row * columns + column] * own[column];
                    shifts[first + column] += means[row] * (matrix[row * columns + column] - real);
                }
            }
        }
        return new RoundedLayer(result, shifts);

        int PlaceOf(int channel, int row) => (channel * channels + row % channels) * places + row / channels;
    }

    /// <summary>What became of a layer.</summary>
    /// <param name="Weights">Its weights, each on the grid; empty where they were left alone.</param>
    /// <param name="Shifts">What its channels lose of their means by that, which goes into the bias.</param>
    private sealed record RoundedLayer(float[] Weights, double[] Shifts);
}
