using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// Weights, batch normalization, ReLU unless another activation is named. The weights have no bias: normalization would take it out again,
/// and has one itself, which is what the exported layer adds.
/// </summary>
internal abstract record NormalizedLayer : WeightedLayer
{
    /// <inheritdoc/>
    public sealed override long Parameters(IReadOnlyList<int> input) => WeightsOf(input) + 2L * ShapeBehind(input)[0];

    /// <inheritdoc/>
    public sealed override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => Activated(modules.BatchNormalization!.call(modules.Weights!.call(value)));

    /// <summary>What is done to normalized values, in place where it can be.</summary>
    protected virtual Tensor Activated(Tensor value) => value.relu_();

    /// <summary>Weights alone.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    protected abstract long WeightsOf(IReadOnlyList<int> input);

    /// <inheritdoc/>
    protected sealed override (Tensor Weight, Tensor Bias) Weights(LayerModules modules)
    {
        var (weight, _) = base.Weights(modules);
        var values = modules.BatchNormalization!.state_dict();
        Tensor Of(string name) => values[name].to_type(ScalarType.Float64);
        var factor = Of("weight") / (Of("running_var") + NormalizationEpsilon).sqrt();
        long[] perOutput = [-1, .. weight.shape.Skip(1).Select(_ => 1L)];
        return (weight * factor.reshape(perOutput), Of("bias") - Of("running_mean") * factor);
    }
}
