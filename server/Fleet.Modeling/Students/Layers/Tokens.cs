using Fleet.Contracts.Inputs;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// From token numbers to a vector for each, which of padding is zero and stays so. Only as the first layer of a plan with a vocabulary.
/// </summary>
/// <param name="Pieces">Pieces of the vocabulary.</param>
/// <param name="Width">Width of a vector.</param>
internal sealed record Tokens(int Pieces, int Width) : TableLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0], Width];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (long)Pieces * Width;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => Table(Pieces, Width, Vocabulary.Padding);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => modules.Weights!.call(value.to_type(ScalarType.Int64));

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Add("Gather", $"tokens{layer.Number}", graph.Weight(layer), layer.Input);
}
