using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// One layer of a network as data. It counts itself, makes and runs its torch modules, folds them and writes itself as ONNX, so
/// that a new layer is one file and none of its uses can be forgotten. A layer has at most one matrix of weights: what is
/// larger, such as a block of a transformer, is a list of layers.
/// </summary>
internal abstract record Layer
{
    /// <summary>Added to a variance before its root is taken: torch.nn's default.</summary>
    public const double NormalizationEpsilon = 1e-5;

    /// <summary>Shape of one sample behind the layer.</summary>
    /// <param name="input">Shape of one sample before it.</param>
    public abstract IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input);

    /// <summary>Trainable parameters, batch normalization's included.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    public abstract long Parameters(IReadOnlyList<int> input);

    /// <summary>Multiplications and additions, counted as one, for one sample.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    public abstract long MultiplyAdds(IReadOnlyList<int> input);

    /// <summary>Makes what is trained. Initial weights are drawn from torch's random numbers.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    public abstract LayerModules Modules(IReadOnlyList<int> input);

    /// <summary>Runs a batch through the layer.</summary>
    public abstract Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass);

    /// <summary>The numbers the layer needs to run, with batch normalization folded in.</summary>
    /// <param name="modules">What was trained.</param>
    /// <param name="scale">The input's scale, for the first layer that has weights; null otherwise.</param>
    public abstract FoldedLayer Folded(LayerModules modules, InputScale? scale);

    /// <summary>Writes the layer's operators.</summary>
    /// <returns>Name of the value they end in.</returns>
    public abstract string Export(StudentGraph graph, LayerExport layer);

    /// <summary>What a <see cref="FeatureTap"/> can ask for beside the layer's output.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    public virtual IReadOnlyList<LayerPart> Parts(IReadOnlyList<int> input) => [];
}

/// <summary>A value inside a layer.</summary>
/// <param name="Name">Its name, which stands behind the layer's.</param>
/// <param name="Shape">Its extents for one sample.</param>
internal sealed record LayerPart(string Name, IReadOnlyList<int> Shape);
