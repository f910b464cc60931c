using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// SmoothQuant (G. Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", arXiv
/// 2211.10438). A few channels of what enters a transformer's matrix products are ten and more times larger than the rest, and all
/// share one scale. Channel j of the activation is divided by <c>s_j = max|X_j|^a / max|W_j|^(1-a)</c>, and row j of the
/// weights multiplied by it, which leaves the product as it was. The division goes into the gain and bias of the layer
/// normalization before, or a Mul that scales channels already; where others read that too, or there is none, into a Mul of its own.
/// </summary>
/// <param name="name">Name in reports.</param>
/// <param name="migration">
/// a, from 0 to 1: how much of what activations are hard to round for the weights take. To smooth with another a what was smoothed before
/// leaves what that a alone would.
/// </param>
internal sealed class Smoothing(string name, double migration) : ITechnique
{
    /// <summary>A Mul of its own is worth its time only where a channel stands out by this from the middle one.</summary>
    private const double Outlier = 4;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => ProductInput.Of(graph).Count > 0;

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => source.ChangedOnce((Name, MayPart(scheme)), () => Smoothed(source, scheme, cancellationToken));

    /// <summary>TensorRT picks from what is multiplied with: a table by itself stays float.</summary>
    private static bool MayPart(IQuantizationScheme scheme) => scheme.Whole is not StaticInt8Scheme { Form.Symmetric: true };

    private QuantizationSource Smoothed(QuantizationSource source, IQuantizationScheme scheme, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var inputs = ProductInput.Of(graph, MayPart(scheme));
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

    private bool Smooth(ProductInput input, float[] extremes, OnnxGraph graph, ModelProto model)
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
            rows, (extreme, row) => extreme > 0 && row > 0 ? Math.Pow(extreme, migration) / Math.Pow(row, 1 - migration) : 1).ToArray();
        // The middle of the factors is 1, so that weights and activations keep their size.
        var middle = factors.Order().ElementAt(factors.Length / 2);
        for (var i = 0; i < factors.Length; i++) factors[i] /= middle;
        return input.Divide(factors, graph, model,
            mayInsert: extremes.Max() >= Outlier * extremes.Order().ElementAt(extremes.Length / 2));
    }
}
