using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Rounds the weights of a layer one after the other, so that what rounding one took off is given to those whose inputs are alike
/// (<see cref="Gptq"/>; for convolutions: E. Frantar and D. Alistarh, "Optimal Brain Compression", arXiv 2208.11580). Neighbours in a
/// picture or a sound are, and so are channels of a transformer: errors that would add up cancel, in as many bytes, at the same speed.
/// </summary>
internal sealed class CompensatedRounding : ITechnique
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    /// <inheritdoc/>
    public string Name => "compensated rounding";

    /// <inheritdoc/>
    /// <remarks>Each layer's error is less by construction, and it takes neither bytes nor time.</remarks>
    public double LeastGain => 0;

    /// <inheritdoc/>
    public bool SeesOthers => true;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => CompensatedProducts.In(graph, IntegerForm.U8S8).Any()
        || graph.Graph.Node.Any(node => WeightedOperator.At(node, graph) is { } layer && ConvolutionWindow.Of(layer) is not null);

    /// <inheritdoc/>
    public QuantizationSource Apply(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => FormOf(scheme) is not { } form ? source
            : keptFloat.Count == 0 ? ApplyRoughly(source, scheme, keptFloat, cancellationToken)
            : Rounded(source, form, scheme, keptFloat, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Layers that stay float keep what they were rounded to: what is found of the others later is then found once.</remarks>
    public QuantizationSource ApplyRoughly(
        QuantizationSource source, IQuantizationScheme scheme, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => FormOf(scheme) is not { } form ? source
            : source.ChangedOnce((Name, scheme), () => Rounded(source, form, scheme, None, cancellationToken));

    /// <summary>The integers of a scheme's weights; null where none is computed in integers.</summary>
    private static IntegerForm? FormOf(IQuantizationScheme scheme) => scheme.Whole switch
    {
        StaticInt8Scheme { Form: var form } => form,
        DynamicInt8Scheme => IntegerForm.U8S8,
        _ => null,
    };

    private static QuantizationSource Rounded(QuantizationSource source, IntegerForm form, IQuantizationScheme scheme,
        IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var graph = source.Model.Graph;
        var quantized = scheme.OperatorsOf(graph).Except(keptFloat).ToHashSet();
        WeightedOperator[] Of(IEnumerable<WeightedOperator> layers) => [.. layers.Where(layer => quantized.Contains(layer.Node.Output[0]))];
        var layers = Of(CompensatedConvolutions.In(graph).Concat(CompensatedProducts.In(graph, form)));
        var convolutions = layers.Any(layer => layer.Node.OpType == "Conv")
            ? CompensatedConvolutions.Rounded(source, form, layers.Where(layer => layer.Node.OpType == "Conv"), cancellationToken) : [];
        // Schemes that round alike, and layers that stay float in one of them, change nothing of a product.
        var products = layers.Any(layer => layer.Node.OpType != "Conv")
            ? source.Once((nameof(CompensatedProducts), form.IsUnsaturated, form.Symmetric),
                from => CompensatedProducts.Rounded(from, form, cancellationToken)) : [];
        var rounded = new Dictionary<string, (WeightedOperator Layer, RoundedTogether Weights)>();
        foreach (var layer in layers)
        {
            if (convolutions.TryGetValue(layer.Node.Output[0], out var weights) || products.TryGetValue(layer.Node.Output[0], out weights))
                rounded[layer.Weight.Name] = (layer, weights);
        }
        if (rounded.Count == 0) return source;
        var changed = source.Model.Model.Clone();
        for (var i = 0; i < changed.Graph.Initializer.Count; i++)
        {
            if (changed.Graph.Initializer[i] is var weight && rounded.TryGetValue(weight.Name, out var one))
                changed.Graph.Initializer[i] = Tensors.Of(weight.Name, one.Weights.Values(one.Layer), [.. weight.Dims]);
        }
        var shifts = rounded.Values.Where(one => one.Weights.Shifts.Length > 0)
            .ToDictionary(one => one.Layer.Node.Name, one => one.Weights.Shifts);
        return source.WithModel(BiasCorrection.Shifted(new PreparedModel(changed), shifts)) with
        {
            WeightScales = rounded.Values.ToDictionary(one => one.Layer.Node.Output[0], one => one.Weights.Scales),
            Unrounded = source.Unrounded,
        };
    }
}

/// <summary>Weights of a layer, rounded together.</summary>
/// <param name="Integers">In the order of the weight; empty where they were left alone.</param>
/// <param name="Scales">One for each output channel.</param>
/// <param name="Shifts">What its channels lose of their means by that, which goes into the bias; empty where nothing does.</param>
internal sealed record RoundedTogether(sbyte[] Integers, float[] Scales, double[] Shifts)
{
    /// <summary>The values that the layer's weight takes, each on its grid.</summary>
    public float[] Values(WeightedOperator layer)
    {
        var (values, last, each) = (new float[Integers.Length], layer.Axis > 0, Integers.Length / Scales.Length);
        for (var i = 0; i < values.Length; i++)
            values[i] = Integers[i] * Scales[last ? i % Scales.Length : i / each] / layer.WeightFactor;
        return values;
    }
}
