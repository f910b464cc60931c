using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>What each channel is at the end of a series.</summary>
internal sealed record LastPlace : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0]];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => value.select(2, value.size(2) - 1);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Add("Flatten", $"rows{layer.Number}", graph.Add("Slice", $"last{layer.Number}", layer.Input,
            graph.Integers($"from{layer.Number}", layer.Shape[1] - 1), graph.Integers($"to{layer.Number}", layer.Shape[1]),
            graph.Integers("time", 2)));
}
