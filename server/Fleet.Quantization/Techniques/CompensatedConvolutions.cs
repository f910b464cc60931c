using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>Weights of convolutions, rounded together by the patches that they read (<see cref="CompensatedRounding"/>).</summary>
internal static class CompensatedConvolutions
{
    /// <summary>Patches of so many samples differ; of more, they hardly differ more.</summary>
    private const int MostSamples = 64;

    /// <summary>Convolutions whose weight nothing else reads, and which can take up what rounding does to their mean.</summary>
    public static IEnumerable<WeightedOperator> In(OnnxGraph graph)
        => graph.Graph.Node.Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>()
            .Where(layer => layer.Node.Is("Conv") && graph.ConsumersOf(layer.Weight.Name).Count == 1
                && BiasCorrection.TakesBias(layer, graph));

    /// <summary>The weights of convolutions by their outputs; those are left out of which what they read cannot be weighed.</summary>
    /// <param name="source">The float model and its samples.</param>
    /// <param name="form">The integers.</param>
    /// <param name="layers">Some of those in its graph.</param>
    /// <param name="cancellationToken">Stops between runs, and between weights.</param>
    public static Dictionary<string, RoundedTogether> Rounded(
        QuantizationSource source, IntegerForm form, IEnumerable<WeightedOperator> layers, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var moments = source.Once(nameof(CompensatedConvolutions), from => PatchMoments.Run(graph, In(graph),
            new SpreadFeeds(from.Samples!, Math.Min(MostSamples, from.TechniqueSamples)), from.BatchSize, cancellationToken));
        var rounded = new Dictionary<string, RoundedTogether>();
        foreach (var layer in layers)
        {
            if (!moments.TryGetValue(layer.Node.Output[0], out var own)) continue;
            cancellationToken.ThrowIfCancellationRequested();
            var made = RoundedOnce.Of(layer.Weight, (nameof(CompensatedConvolutions), form.IsUnsaturated),
                () => Rounded(layer, own, QdqWriter.FreeScalesOf(layer, form), form.IsUnsaturated, cancellationToken));
            if (made.Integers.Length > 0) rounded[layer.Node.Output[0]] = made;
        }
        return rounded;
    }

    private static RoundedTogether Rounded(
        WeightedOperator layer, PatchMoments moments, float[] scales, bool unsaturated, CancellationToken cancellationToken)
    {
        try
        {
            return Together(layer, moments, scales, unsaturated, cancellationToken);
        }
        catch (ArithmeticException)
        {
            return new RoundedTogether([], [], []);
        }
    }

    private static RoundedTogether Together(
        WeightedOperator layer, PatchMoments moments, float[] scales, bool unsaturated, CancellationToken cancellationToken)
    {
        var weights = layer.Values();
        var (values, groups) = (moments.Values, (int)layer.Node.Int("group", 1));
        var (columns, channels) = (layer.Channels / groups, (int)layer.Weight.Dims[1]);
        var places = values / channels;
        // Kernels that add pairs take them in the order in which patches are read.
        var pairs = unsaturated && SumOrder.Of(layer.Node, layer.Weight.Dims) is not null;
        var (matrix, result, shifts) = (new float[values * columns], new sbyte[weights.Length], new double[layer.Channels]);
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
                    var integer = result[PlaceOf(first + column, row)] = integers[row * columns + column];
                    shifts[first + column] += means[row] * (matrix[row * columns + column] - integer * own[column]);
                }
            }
        }
        return new RoundedTogether(result, scales, shifts);

        int PlaceOf(int channel, int row) => (channel * channels + row % channels) * places + row / channels;
    }
}
