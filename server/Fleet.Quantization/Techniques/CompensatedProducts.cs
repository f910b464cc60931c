using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>Weights of matrix products, rounded together by what they read (<see cref="CompensatedRounding"/>).</summary>
internal static class CompensatedProducts
{
    /// <summary>Rows of so many samples say how inputs go together; more hardly change it.</summary>
    private const int MostSamples = 64;

    /// <summary>
    /// Most inputs that are weighed together, which is where most is won: on a decoder blocks of 128 of 512 inputs left 57.0 dB of the
    /// weights, all 512 together 57.2, and rounding to nearest 49.1. Of more, those that lie together make blocks of as many as go in
    /// without rest, each rounded by itself.
    /// </summary>
    private const int LargestBlock = 256;

    /// <summary>Fewer together win little over rounding to nearest.</summary>
    private const int SmallestBlock = 64;

    /// <summary>Products whose weight nothing else reads.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="form">The integers: TensorRT picks from what is multiplied with, so that none may come apart from a table.</param>
    public static IEnumerable<WeightedOperator> In(OnnxGraph graph, IntegerForm form)
    {
        var tied = (form.Symmetric ? TiedTable.Of(graph) : TiedTable.Inseparable(graph))
            .Select(one => one.Product.Node.Output[0]).ToHashSet();
        return MatrixProducts.Of(graph).Where(product => graph.ConsumersOf(product.Weight.Name).Count == 1
            && product.WeightFactor != 0 && !tied.Contains(product.Node.Output[0]) && BlockOf(InputsOf(product)) > 0);
    }

    /// <summary>The weights of all products by their outputs; those are left out of which what they read cannot be weighed.</summary>
    /// <param name="source">The float model and its samples.</param>
    /// <param name="form">The integers.</param>
    /// <param name="cancellationToken">Stops between runs, and between weights.</param>
    public static Dictionary<string, RoundedTogether> Rounded(
        QuantizationSource source, IntegerForm form, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var reading = In(graph, form).GroupBy(product => product.Node.Input[0]).ToDictionary(group => group.Key, group => group.ToArray());
        var samples = new SpreadFeeds(source.Samples!, Math.Min(MostSamples, source.TechniqueSamples));
        var rounded = new Dictionary<string, RoundedTogether>();
        var widths = reading.ToDictionary(pair => pair.Key, pair => InputsOf(pair.Value[0]));
        foreach (var (value, sums) in SecondMoments.Run(
            graph.Model, widths, samples, source.BatchSize, cancellationToken, BlockOf))
        {
            try
            {
                var block = BlockOf(widths[value]);
                Gptq[] blocks = [
                    .. Enumerable.Range(0, widths[value] / block)
                        .Select(at => new Gptq(sums.AsSpan(at * block * block, block * block), block, cancellationToken)),
                ];
                foreach (var product in reading[value])
                    rounded[product.Node.Output[0]] = Rounded(product, blocks, block, form, cancellationToken);
            }
            catch (ArithmeticException)
            {
                // What reads values too large to be weighed is rounded to nearest.
            }
        }
        return rounded;
    }

    private static RoundedTogether Rounded(
        WeightedOperator product, Gptq[] blocks, int block, IntegerForm form, CancellationToken cancellationToken)
    {
        var (weights, rows, columns) = product.RowMajor();
        var scales = QdqWriter.FreeScalesOf(product, form);
        var integers = new sbyte[weights.Length];
        foreach (var (at, one) in blocks.Index())
        {
            one.Round(weights.AsSpan(at * block * columns, block * columns), scales, form.IsUnsaturated ? SumOrder.LargestPair : null,
                cancellationToken).CopyTo(integers, at * block * columns);
        }
        return new RoundedTogether(product.Axis > 0 ? integers : Turned(integers, rows, columns), scales, []);
    }

    private static sbyte[] Turned(sbyte[] matrix, int rows, int columns)
    {
        var turned = new sbyte[matrix.Length];
        for (var i = 0; i < turned.Length; i++) turned[i] = matrix[i % rows * columns + i / rows];
        return turned;
    }

    private static int InputsOf(WeightedOperator product) => (int)(product.Weight.Elements() / product.Channels);

    /// <summary>
    /// How many inputs are weighed together: all, where they are few; else the most that all can be divided by, of which none is one of a
    /// pair that kernels add. None where that is too few.
    /// </summary>
    private static int BlockOf(int inputs)
    {
        if (inputs <= LargestBlock) return inputs;
        for (var block = LargestBlock; block >= SmallestBlock; block -= 2)
        {
            if (inputs % block == 0) return block;
        }
        return 0;
    }
}
