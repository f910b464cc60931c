using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>All products in one form.</summary>
/// <param name="Usual">Bits and block size.</param>
/// <param name="Scales">How the scale of a block is found.</param>
/// <param name="Compensates">True for <see cref="Gptq"/>, which needs samples; otherwise each weight is rounded by itself.</param>
internal sealed record ProductRounding(BlockForm Usual, BlockRounding Scales, bool Compensates = false) : IProductRounding
{
    /// <summary>Rows of 128 samples say how inputs go together; more hardly change it.</summary>
    private const int MostSamples = 128;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, BlockWeights> Of(QuantizationSource source) => Of(source, _ => Usual);

    /// <summary>The same with a form for each product.</summary>
    public IReadOnlyDictionary<string, BlockWeights> Of(QuantizationSource source, Func<WeightedOperator, BlockForm> formOf)
    {
        if (Compensates && source.Samples is null)
            throw new InvalidDataException("GPTQ looks at what layers read, and there are no calibration samples.");
        var rounded = new Dictionary<string, BlockWeights>();
        foreach (var (products, moments) in Reading(Compensates ? source : source with { Samples = null }))
        {
            source.Cancellation.ThrowIfCancellationRequested();
            var gptq = moments is null ? null : new Gptq(moments, (int)Math.Sqrt(moments.Length), source.Cancellation);
            foreach (var product in products)
            {
                var (weights, rows, columns) = product.RowMajor();
                rounded[product.Node.Output[0]] = gptq?.Round(weights, columns, formOf(product), Scales, source.Cancellation)
                    ?? BlockWeights.Of(weights, rows, columns, formOf(product), Scales, source.Cancellation);
            }
        }
        return rounded;
    }

    /// <summary>
    /// The products that read each value, with the sums of products of its channels over the samples; without samples, without them.
    /// </summary>
    public static IEnumerable<(IReadOnlyList<WeightedOperator> Products, float[]? Moments)> Reading(QuantizationSource source)
    {
        var graph = source.Model.Graph;
        var tied = TiedTable.Of(graph).Select(one => one.Product.Node.Output[0]).ToHashSet();
        var reading = MatrixProducts.Of(graph).Where(product => !tied.Contains(product.Node.Output[0]))
            .GroupBy(product => product.Node.Input[0]).ToDictionary(group => group.Key, group => group.ToArray());
        return source.Samples is { } samples
            ? SecondMoments.Run(source.Model.Model,
                reading.ToDictionary(pair => pair.Key, pair => (int)(pair.Value[0].Weight.Elements() / pair.Value[0].Channels)),
                new SpreadFeeds(samples, MostSamples), source.BatchSize, source.Cancellation)
                .Select(pair => ((IReadOnlyList<WeightedOperator>)reading[pair.Value], (float[]?)pair.Sums))
            : reading.Values.Select(products => ((IReadOnlyList<WeightedOperator>)products, (float[]?)null));
    }
}
