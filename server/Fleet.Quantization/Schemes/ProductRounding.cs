using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>How the weights of a model's matrix products are rounded to few bits.</summary>
/// <param name="Form">Bits and block size.</param>
/// <param name="Scales">How the scale of a block is found.</param>
/// <param name="Compensates">True for <see cref="Gptq"/>, which needs samples; otherwise each weight is rounded by itself.</param>
internal sealed record ProductRounding(BlockForm Form, BlockRounding Scales, bool Compensates = false)
{
    /// <summary>Rows of 128 samples say how inputs go together; more hardly change it.</summary>
    private const int MostSamples = 128;

    /// <summary>The rounded weights of every product, by its first output; those tied to a table are left out.</summary>
    /// <exception cref="InvalidDataException">It needs samples, and there are none.</exception>
    public IReadOnlyDictionary<string, BlockWeights> Of(QuantizationSource source)
    {
        var graph = source.Model.Graph;
        var tied = TiedTable.Of(graph).Select(one => one.Product.Node.Output[0]).ToHashSet();
        WeightedOperator[] products = [.. MatrixProducts.Of(graph).Where(product => !tied.Contains(product.Node.Output[0]))];
        return Compensates ? Compensated(source, products) : products.ToDictionary(product => product.Node.Output[0], product =>
        {
            var (weights, rows, columns) = product.RowMajor();
            return BlockWeights.Of(weights, rows, columns, Form, Scales);
        });
    }

    private Dictionary<string, BlockWeights> Compensated(QuantizationSource source, IReadOnlyList<WeightedOperator> products)
    {
        var samples = source.Samples
            ?? throw new InvalidDataException("GPTQ looks at what layers read, and there are no calibration samples.");
        var reading = products.GroupBy(product => product.Node.Input[0]).ToDictionary(group => group.Key, group => group.ToArray());
        var rounded = new Dictionary<string, BlockWeights>();
        foreach (var (value, sums) in SecondMoments.Run(source.Model.Model,
            reading.ToDictionary(pair => pair.Key, pair => (int)(pair.Value[0].Weight.Elements() / pair.Value[0].Channels)),
            new SpreadFeeds(samples, MostSamples), source.BatchSize, CancellationToken.None))
        {
            var gptq = new Gptq(sums, (int)Math.Sqrt(sums.Length));
            foreach (var product in reading[value])
            {
                var (weights, _, columns) = product.RowMajor();
                rounded[product.Node.Output[0]] = gptq.Round(weights, columns, Form, Scales);
            }
        }
        return rounded;
    }
}
