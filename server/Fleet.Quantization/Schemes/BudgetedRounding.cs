using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// A form for each product within a budget of bits: layers of which the answers feel every error keep more bits, others give them. What a
/// form costs the answers is the loss of the product by it (<c>tr(Eᵀ H E)</c>, H the sums of products of its inputs), times what such a
/// loss was measured to do to the outputs (<see cref="OutputNoise"/>): the second-order term of HAWQ (Z. Dong et al., arXiv 1905.03696)
/// and of AutoQuantize, taken along the error that rounding makes and not as a mean over all directions. Without samples it is the
/// error's share of the weight's power.
/// </summary>
/// <param name="AverageBits">Bits a weight may take on average, scales and zero points included.</param>
internal sealed record BudgetedRounding(double AverageBits) : IProductRounding
{
    /// <summary>Outputs of a layer over which a loss is taken; more say the same.</summary>
    private const int MostColumns = 48;

    /// <summary>
    /// What is tried for each layer, all of which have fast kernels: a larger block costs little at 8 bits, a smaller one pays below 4.
    /// </summary>
    private static readonly BlockForm[] Forms = [
        new(2, 32), new(2, 64), new(2, 128), new(3, 32), new(3, 64), new(3, 128), new(4, 16), new(4, 32), new(4, 64), new(4, 128),
        new(4, 256), new(8, 32), new(8, 128),
    ];

    private static readonly BlockForm[] CloseForms = [new(8, 32), new(8, 64), new(8, 128)];

    /// <summary>Power of the error over that of the weights: 40 dB, of which the limit of no variant takes note.</summary>
    private const double LargestError = 1e-4;

    /// <summary>Bits that a person asked for, by layer: of the forms of these the budget still picks one.</summary>
    public IReadOnlyList<LayerBits> Asked { get; init; } = [];

    /// <inheritdoc/>
    public BlockForm Usual => BlockForm.Usual;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, BlockWeights> Of(QuantizationSource source)
    {
        var layers = Layers(source);
        var budget = (long)(AverageBits * layers.Sum(layer => layer.Product.Weight.Elements()));
        var shares = BitBudget.Share([.. layers.Select(layer => layer.Options)], budget);
        var forms = layers.Zip(shares).ToDictionary(pair => pair.First.Product.Node.Output[0], pair => pair.First.Forms[pair.Second]);
        return new ProductRounding(Usual, BlockRounding.HalfQuadratic, Compensates: source.Samples is not null)
            .Of(source, product => forms[product.Node.Output[0]]);
    }

    /// <summary>
    /// A product in 8 bits, for one to which fewer cost too much: a quarter of float, and hardly another error. Null where a few large
    /// weights leave 8 bits nothing for the others of their block.
    /// </summary>
    public static BlockWeights? Closely(WeightedOperator product)
    {
        var (weights, rows, columns) = product.RowMajor();
        var most = weights.Sum(weight => (double)weight * weight) * LargestError;
        return CloseForms.OrderBy(form => BitsOf(form, rows, columns)).Select(form => BlockWeights.Of(weights, rows, columns, form))
            .FirstOrDefault(rounded => ProductLoss.Of(weights, columns, rounded, null) <= most);
    }

    private List<Layer> Layers(QuantizationSource source)
    {
        var asked = NamedLayers.BitsIn(source.Model.Graph, Asked);
        var plain = new ProductRounding(BlockForm.Usual, BlockRounding.Nearest).Of(source with { Samples = null });
        var noise = source.Samples is null ? null : OutputNoise.Of(source, plain);
        // Unseen, a layer may not be trusted to 2 bits: so much noise no longer adds up with that of others.
        BlockForm[] seen = [.. Forms.Where(form => noise is not null || form.Bits > 2)];
        var layers = new List<Layer>();
        foreach (var (products, moments) in ProductRounding.Reading(source))
        {
            var gptq = moments is null ? null : new Gptq(moments, (int)Math.Sqrt(moments.Length), source.Cancellation);
            foreach (var product in products)
            {
                source.Cancellation.ThrowIfCancellationRequested();
                var (some, rows, columns) = product.Some(MostColumns);
                double LossOf(BlockWeights rounded) => ProductLoss.Of(some, columns, rounded, moments);
                var felt = noise?[product.Node.Output[0]] / LossOf(BlockWeights.Of(some, rows, columns, BlockForm.Usual))
                    ?? 1 / some.Sum(value => (double)value * value);
                // A layer that is exact already, or that nothing feels, is content with anything.
                if (!double.IsFinite(felt)) felt = 0;
                BlockForm[] tried = asked.TryGetValue(product.Node.Output[0], out var bits)
                    ? [.. Forms.Where(form => form.Bits == bits)] : seen;
                layers.Add(new Layer(product, tried, [
                    .. tried.Select(form => new BitOption(BitsOf(form, rows, product.Channels),
                        felt * LossOf(gptq?.Round(some, columns, form, BlockRounding.Nearest, source.Cancellation)
                            ?? BlockWeights.Of(some, rows, columns, form, BlockRounding.HalfQuadratic, source.Cancellation)))),
                ]));
            }
        }
        return layers;
    }

    /// <summary>
    /// What a weight takes in the file: the last block is filled up, each has a scale of 32 bits and a zero point, and the zero points of a
    /// column are whole bytes.
    /// </summary>
    private static long BitsOf(BlockForm form, int rows, int columns)
    {
        var blocks = (rows + form.Size - 1) / form.Size;
        var zeroPoints = (blocks * (form.Bits == 3 ? 4 : form.Bits) + 7) / 8 * 8;
        return (long)columns * (blocks * (form.Size * form.Bits + 32) + zeroPoints);
    }

    private sealed record Layer(WeightedOperator Product, BlockForm[] Forms, IReadOnlyList<BitOption> Options);
}
