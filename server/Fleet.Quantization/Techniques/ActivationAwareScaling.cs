using System.Numerics.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// AWQ (J. Lin et al., "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", arXiv 2306.00978). The weights
/// behind loud channels of an activation matter more than the rest of their block. Channel j is divided by <c>s_j = |x_j|^a</c> and row j
/// of the weights multiplied by it, which leaves the product as it was and takes the row's error down by the same factor. Of ten values
/// of a, the one whose rounded weights leave the product closest is taken: with <c>H = Σ x xᵀ</c> the loss is <c>tr(Eᵀ H E)</c>, E the
/// error of the weights. The magnitude of a channel is the root of its mean square, which H holds already. The division goes into the
/// layer normalization before where nothing else reads it, else, if it pays, into a Mul.
/// <para>
/// Without samples, H is known where a layer normalization lies before: its channels have gain g_j and bias b_j, so that
/// <c>H_ij = b_i b_j</c>, and <c>g_j²</c> more on the diagonal. Other inputs are then left as they are.
/// </para>
/// </summary>
internal sealed class ActivationAwareScaling : ITechnique
{
    /// <summary>Steps of a between 0 and 1; the paper takes twice as many.</summary>
    private const int Steps = 10;

    /// <summary>Outputs of a layer over which the loss is taken; more say the same.</summary>
    private const int MostColumns = 32;

    /// <summary>A Mul of its own is worth its time only where it leaves at most this share of the loss.</summary>
    private const double WorthAMul = 0.9;

    /// <summary>More samples hardly change how loud a channel is.</summary>
    private const int MostSamples = 64;

    /// <inheritdoc/>
    public string Name => "activation-aware scaling";

    /// <inheritdoc/>
    public bool NeedsSamples => false;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => ProductInput.Of(graph).Count > 0;

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        // Which operators stay float changes nothing of it.
        return scheme.Blocks is { } form
            ? source.WithModel(source.Once((this, form), _ => Scaled(source, form, cancellationToken)))
            : source;
    }

    private static PreparedModel Scaled(QuantizationSource source, BlockForm form, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var inputs = ProductInput.Of(graph).ToDictionary(input => input.Value);
        var model = graph.Model.Clone();
        var changed = false;
        foreach (var (value, moments) in source.Samples is { } samples
            ? SecondMoments.Run(graph.Model, inputs.ToDictionary(pair => pair.Key, pair => pair.Value.Channels),
                new SpreadFeeds(samples, MostSamples), source.BatchSize, cancellationToken)
            : Known(inputs.Values, graph))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (factors, left) = Best(inputs[value], moments, form, cancellationToken);
            if (factors.Length > 0) changed |= inputs[value].Divide(factors, graph, model, mayInsert: left <= WorthAMul);
        }
        if (!changed) return source.Model;
        ProductInput.DropUnread(model, graph);
        MappedWeights.Add(model);
        return new PreparedModel(model);
    }

    private static IEnumerable<(string Value, float[] Moments)> Known(IEnumerable<ProductInput> inputs, OnnxGraph graph)
    {
        foreach (var input in inputs)
        {
            if (input.NormalizedBy(graph) is not var (gain, bias)) continue;
            var moments = new float[gain.Length * gain.Length];
            for (var row = 0; row < gain.Length; row++)
            {
                TensorPrimitives.Multiply(bias, bias[row], moments.AsSpan(row * gain.Length, gain.Length));
                moments[row * gain.Length + row] += gain[row] * gain[row];
            }
            yield return (input.Value, moments);
        }
    }

    /// <summary>The best factors and the share of the loss that they leave; none where the weights are best as they are.</summary>
    private static (double[] Factors, double Left) Best(
        ProductInput input, float[] moments, BlockForm form, CancellationToken cancellationToken)
    {
        var channels = input.Channels;
        var loudness = Enumerable.Range(0, channels).Select(channel => Math.Sqrt(moments[channel * channels + channel])).ToArray();
        // What was never heard may yet be: it is taken for the quietest that was.
        var quietest = loudness.Where(one => one > 0).DefaultIfEmpty(1).Min();
        var weights = input.Products.Select(product => product.Some(MostColumns)).ToArray();
        double LossOf(double[] factors) => weights.Sum(one => Loss(one.Values, one.Columns, factors, moments, form));

        var plain = LossOf(Enumerable.Repeat(1.0, channels).ToArray());
        var best = (Factors: Array.Empty<double>(), Loss: plain);
        for (var step = 1; step <= Steps && plain > 0; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var factors = Array.ConvertAll(loudness, one => Math.Pow(Math.Max(one, quietest), (double)step / Steps));
            var middle = Math.Sqrt(factors.Max() * factors.Min());
            for (var i = 0; i < channels; i++) factors[i] /= middle;
            if (LossOf(factors) is var loss && loss < best.Loss) best = (factors, loss);
        }
        return (best.Factors, best.Loss / plain);
    }

    /// <summary>What products lose when their weights are rounded with rows scaled by <paramref name="factors"/>.</summary>
    private static double Loss(float[] weights, int columns, double[] factors, float[] moments, BlockForm form)
    {
        var rows = factors.Length;
        var scaled = new float[weights.Length];
        for (var i = 0; i < scaled.Length; i++) scaled[i] = (float)(weights[i] * factors[i / columns]);
        var rounded = BlockWeights.Of(scaled, rows, columns, form);
        var errors = new float[weights.Length];
        for (var i = 0; i < errors.Length; i++)
            errors[i] = weights[i] - (float)(rounded.Real(i / columns, i % columns) / factors[i / columns]);
        return ProductLoss.Of(errors, columns, moments);
    }
}
