using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Adds what was remembered: what lies between learns a correction.</summary>
internal sealed record AddRemembered : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => input;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => value + pass.Remembered.Pop();

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Add("Add", $"sum{layer.Number}", graph.Remembered.Pop(), layer.Input);
}
