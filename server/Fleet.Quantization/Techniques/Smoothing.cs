using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// SmoothQuant (G. Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", arXiv
/// 2211.10438). A few channels of what enters a transformer's matrix products are ten and more times larger than the rest, and all
/// share one scale. Channel j of the activation is divided by <c>s_j = max|X_j|^a / max|W_j|^(1-a)</c>, a = 0.5, and row j of the
/// weights multiplied by it, which leaves the product as it was. The division goes into the gain and bias of the layer
/// normalization before; where others read that too, or there is none, into a Mul of its own.
/// </summary>
internal sealed class Smoothing : ITechnique
{
    private const double Migration = 0.5;

    /// <summary>A Mul of its own is worth its time only where a channel stands out by this from the middle one.</summary>
    private const double Outlier = 4;

    /// <inheritdoc/>
    public string Name => "smoothing";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => ProductInput.Of(graph).Count > 0;

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => source.ChangedOnce(Name, () => Smoothed(source, scheme, cancellationToken));

    private static QuantizationSource Smoothed(QuantizationSource source, IQuantizationScheme scheme, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var inputs = ProductInput.Of(graph);
        if (inputs.Count == 0) return source;
        var moments = ChannelMoments.Run(
            graph.Model, inputs.ToDictionary(input => input.Value, _ => -1), source.Samples!, source.BatchSize, cancellationToken);

        var model = graph.Model.Clone();
        var changed = false;
        foreach (var input in inputs) changed |= Smooth(input, moments[input.Value].Extremes, graph, model);
        if (!changed) return source;
        ProductInput.DropUnread(model, graph);
        return source.Recalibrated(new PreparedModel(model), scheme, cancellationToken);
    }

    private static bool Smooth(ProductInput input, float[] extremes, OnnxGraph graph, ModelProto model)
    {
        var rows = new float[extremes.Length];
        if (rows.Length != input.Channels) return false;
        foreach (var product in input.Products)
        {
            var values = product.Weight.ToSingles();
            for (var i = 0; i < values.Length; i++)
                rows[ProductInput.RowOf(product, i)] = Math.Max(rows[ProductInput.RowOf(product, i)], Math.Abs(values[i]));
        }
        var factors = extremes.Zip(
            rows, (extreme, row) => extreme > 0 && row > 0 ? Math.Pow(extreme, Migration) / Math.Pow(row, 1 - Migration) : 1).ToArray();
        // The middle of the factors is 1, so that weights and activations keep their size.
        var middle = factors.Order().ElementAt(factors.Length / 2);
        for (var i = 0; i < factors.Length; i++) factors[i] /= middle;
        return input.Divide(factors, graph, model,
            mayInsert: extremes.Max() >= Outlier * extremes.Order().ElementAt(extremes.Length / 2));
    }
}
