using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Mean over all positions of each channel.</summary>
internal sealed record GlobalAverage : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0]];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => value.flatten(2).mean([2]);

    // GlobalAveragePool keeps the spatial axes at 1; what follows takes rows.
    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Add("Flatten", $"rows{layer.Number}", graph.Add("GlobalAveragePool", $"average{layer.Number}", layer.Input));
}
