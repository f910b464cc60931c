using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Channels and positions in one row.</summary>
internal sealed record Flatten : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input.Aggregate(1, (product, extent) => product * extent)];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => value.flatten(1);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer) => graph.Add("Flatten", $"rows{layer.Number}", layer.Input);
}
