using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer to the logits, the last of a network.</summary>
internal sealed record Classifier(int Classes) : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [Classes];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Classes;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * Classes;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Classes), null);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer) => graph.Gemm(layer, StudentGraph.Output);

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfValues();
}
