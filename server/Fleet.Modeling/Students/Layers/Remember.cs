using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Remembers what comes in, for the <see cref="AddRemembered"/> or <see cref="Gate"/> that takes it.</summary>
internal sealed record Remember : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => input;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
    {
        pass.Remembered.Push(value);
        return value;
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        graph.Remembered.Push(layer.Input);
        return layer.Input;
    }
}
