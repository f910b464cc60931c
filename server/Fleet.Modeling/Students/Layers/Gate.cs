using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// A share between 0 and 1 for each channel of what was remembered, by which it is multiplied: the second half of squeeze-and-excitation
/// (Hu et al., arXiv 1709.01507).
/// </summary>
/// <param name="Channels">Channels of what was remembered.</param>
/// <param name="Extents">Its other extents.</param>
internal sealed record Gate(int Channels, IReadOnlyList<int> Extents) : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [Channels, .. Extents];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Channels;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input)
        => (long)input[0] * Channels + Extents.Aggregate((long)Channels, (product, extent) => product * extent);

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Channels), null);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => base.Forward(value, modules, pass).sigmoid().reshape([-1, Channels, .. Extents.Select(_ => 1L)]) * pass.Remembered.Pop();

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var number = layer.Number;
        var shares = graph.Add("Sigmoid", $"shares{number}", graph.Gemm(layer, $"excitation{number}"));
        var gate = graph.Reshaped($"gate{number}", shares, [-1, Channels, .. Extents.Select(_ => 1L)]);
        return graph.Add("Mul", $"gated{number}", graph.Remembered.Pop(), gate);
    }
}
