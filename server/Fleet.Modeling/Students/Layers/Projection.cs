using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer with a bias and without an activation: the code of a linear autoencoder.</summary>
/// <param name="Units">Numbers of the code.</param>
internal sealed record Projection(int Units) : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [Units];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Units;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * Units;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Units), null);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer) => graph.Gemm(layer, $"code{layer.Number}");

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfValues();
}
