using Fleet.Quantization.Onnx;
using TorchSharp;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// The vector of each token at mean 0 and deviation 1, then scaled and shifted by learned values (Ba, Kiros, Hinton,
/// arXiv 1607.06450).
/// </summary>
internal sealed record LayerNormalization : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => input;

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => 2L * input[^1];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(torch.nn.LayerNorm(input[^1], NormalizationEpsilon), null);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Node("LayerNormalization", $"normal{layer.Number}", layer.Input, graph.Weight(layer), graph.Bias(layer))
            .With("axis", -1L).With("epsilon", (float)NormalizationEpsilon).Output[0];
}
