using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer, batch normalization, ReLU: parameters that cost little computation.</summary>
internal sealed record Dense(int Units) : NormalizedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [Units];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => WeightsOf(input);

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input)
        => new(nn.Linear(input[0], Units, hasBias: false), nn.BatchNorm1d(Units));

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Add("Relu", $"relu{layer.Number}", graph.Gemm(layer, $"dense{layer.Number}"));

    /// <inheritdoc/>
    protected override long WeightsOf(IReadOnlyList<int> input) => (long)input[0] * Units;

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfValues();
}
