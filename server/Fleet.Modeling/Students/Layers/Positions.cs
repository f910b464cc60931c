using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Adds a learned vector for each place in the sequence.</summary>
internal sealed record Positions : TableLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => input;

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (long)input[0] * input[1];

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => Table(input[0], input[1]);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => value + modules.Weights!.call(arange(value.size(1), device: value.device));

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Reshaped($"rows{layer.Number}", graph.Add("Add", $"placed{layer.Number}", layer.Input, graph.Weight(layer)), -1,
            layer.Shape[1]);
}
