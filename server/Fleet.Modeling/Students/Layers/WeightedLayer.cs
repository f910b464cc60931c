using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>A layer with weights, and a bias unless they are a table.</summary>
internal abstract record WeightedLayer : Layer
{
    /// <inheritdoc/>
    public sealed override FoldedLayer Folded(LayerModules modules, InputScale? scale)
    {
        var (weight, bias) = Weights(modules);
        if (scale is not null) weight *= Scale(scale);
        return new FoldedLayer(this, [.. weight.shape.Select(extent => (int)extent)], Values(weight), Values(bias));
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => modules.Weights!.call(value);

    /// <summary>Weights and bias in double precision.</summary>
    protected virtual (Tensor Weight, Tensor Bias) Weights(LayerModules modules)
    {
        var values = modules.Weights!.state_dict();
        // Of its own, or of the one module that it has inside.
        Tensor? Of(string name) => values
            .FirstOrDefault(value => value.Key == name || value.Key.EndsWith($".{name}", StringComparison.Ordinal)).Value?
            .to_type(ScalarType.Float64);
        return (Of("weight")!, Of("bias") ?? zeros(0, ScalarType.Float64));
    }

    /// <summary>The input's scale in the form that its weights are multiplied by.</summary>
    protected virtual Tensor Scale(InputScale scale)
        => throw new NotSupportedException($"{this} cannot be the first layer with weights of values that are scaled.");

    private static float[] Values(Tensor value) => value.to_type(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
}
