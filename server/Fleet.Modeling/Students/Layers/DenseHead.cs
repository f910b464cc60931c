using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer to the answer.</summary>
/// <param name="Columns">Numbers for one sample.</param>
internal abstract record DenseHead(int Columns) : Head
{
    /// <summary>Added to a variance: what hardly changes is not made large, which no 8-bit grid of weights would have steps for.</summary>
    private const double SmallestVariance = 1e-3;

    /// <summary>
    /// True where what comes in is brought to mean 0 and deviation 1 first, which the exported weights take in: features that nobody trains
    /// are learned from at one rate.
    /// </summary>
    public bool Standardizes { get; init; }

    /// <summary>Name of the answer in the exported file.</summary>
    protected abstract string Output { get; }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input) => [new(Output, [Columns])];

    /// <inheritdoc/>
    public sealed override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Columns;

    /// <inheritdoc/>
    public sealed override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * Columns;

    /// <inheritdoc/>
    public sealed override LayerModules Modules(IReadOnlyList<int> input)
        => new(nn.Linear(input[0], Columns), Standardizes ? nn.BatchNorm1d(input[0], SmallestVariance, affine: false) : null);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => base.Forward(modules.BatchNormalization?.call(value) ?? value, modules, pass);

    /// <inheritdoc/>
    protected override (Tensor Weight, Tensor Bias) Weights(LayerModules modules)
    {
        var (weight, bias) = base.Weights(modules);
        if (modules.BatchNormalization is null) return (weight, bias);
        var values = modules.BatchNormalization.state_dict();
        weight /= (values["running_var"].to_type(ScalarType.Float64) + SmallestVariance).sqrt();
        return (weight, bias - weight.mv(values["running_mean"].to_type(ScalarType.Float64)));
    }

    /// <inheritdoc/>
    public sealed override string Export(StudentGraph graph, LayerExport layer) => graph.Gemm(layer, Output);

    /// <inheritdoc/>
    protected sealed override Tensor Scale(InputScale scale) => scale.OfValues();
}
