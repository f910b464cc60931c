using Fleet.Quantization.Onnx;
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
    /// <inheritdoc/>
    public string Name => "compensated rounding";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => graph.Graph.Node.Any(node => WeightedOperator.At(node, graph) is { } layer && ConvolutionWindow.Of(layer) is not null);

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        if (scheme.Whole is not StaticInt8Scheme { Form: var form }) return source;
        var graph = source.Model.Graph;
        var quantized = scheme.OperatorsOf(graph).Except(keptFloat).ToHashSet();
        var moments = source.Once(Name, from => PatchMoments.Run(graph, LayersOf(graph), from.Samples!, from.BatchSize, cancellationToken));
        var rounded = new Dictionary<string, float[]>();
        var scales = new Dictionary<string, float[]>();
        foreach (var layer in LayersOf(graph).Where(layer => quantized.Contains(layer.Node.Output[0])))
        {
            if (!moments.TryGetValue(layer.Node.Output[0], out var own)) continue;
            cancellationToken.ThrowIfCancellationRequested();
            var grid = scales[layer.Node.Output[0]] = QdqWriter.FreeScalesOf(layer, form);
            rounded[layer.Weight.Name] = RoundedOnce.Of(layer.Weight, (Name, form.IsUnsaturated),
                () => Rounded(layer, own, grid, form.IsUnsaturated, cancellationToken));
        }
        if (rounded.Count == 0) return source;
        var changed = source.Model.Model.Clone();
        for (var i = 0; i < changed.Graph.Initializer.Count; i++)
        {
            if (changed.Graph.Initializer[i] is var weight && rounded.TryGetValue(weight.Name, out var values))
                changed.Graph.Initializer[i] = Tensors.Of(weight.Name, values, [.. weight.Dims]);
        }
        return source.WithModel(new PreparedModel(changed)) with { WeightScales = scales, Unrounded = source.Unrounded };
    }

    /// <summary>Convolutions whose weight nothing else reads.</summary>
    private static IEnumerable<WeightedOperator> LayersOf(OnnxGraph graph)
        => graph.Graph.Node.Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>()
            .Where(layer => layer.Node.Is("Conv") && graph.ConsumersOf(layer.Weight.Name).Count == 1);

    private static float[] Rounded(
        WeightedOperator layer, PatchMoments moments, float[] scales, bool unsaturated, CancellationToken cancellationToken)
    {
        var weights = layer.Values();
        var (values, groups) = (moments.Values, (int)layer.Node.Int("group", 1));
        var (columns, channels) = (layer.Channels / groups, (int)layer.Weight.Dims[1]);
        var places = values / channels;
        // Kernels that add pairs take them in the order in which patches are read.
        var pairs = unsaturated && SumOrder.Of(layer.Node, layer.Weight.Dims) is not null;
        var (matrix, result) = (new float[values * columns], new float[weights.Length]);
        for (var group = 0; group < groups; group++)
        {
            var first = group * columns;
            for (var row = 0; row < values; row++)
            {
                for (var column = 0; column < columns; column++) matrix[row * columns + column] = weights[PlaceOf(first + column, row)];
            }
            var own = scales.AsSpan(first, columns);
            var integers = new Gptq(moments.OfGroup(group), values, cancellationToken)
                .Round(matrix, own, pairs ? SumOrder.LargestPair : null, cancellationToken);
            for (var row = 0; row < values; row++)
            {
                for (var column = 0; column < columns; column++)
                    result[PlaceOf(first + column, row)] = integers[row * columns + column] * own[column];
            }
        }
        return result;

        int PlaceOf(int channel, int row) => (channel * channels + row % channels) * places + row / channels;
    }
}
