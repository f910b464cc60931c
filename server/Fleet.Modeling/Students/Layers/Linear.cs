using TorchSharp;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer over the vector of each token, alone.</summary>
internal sealed record Linear(int Units) : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0], Units];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[^1] + 1L) * Units;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * input[1] * Units;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(torch.nn.Linear(input[^1], Units), null);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer) => graph.Gemm(layer, $"linear{layer.Number}");
}
