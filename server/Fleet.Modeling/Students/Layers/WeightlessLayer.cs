namespace Fleet.Modeling.Students.Layers;

/// <summary>A layer that learns nothing.</summary>
internal abstract record WeightlessLayer : Layer
{
    /// <inheritdoc/>
    public sealed override long Parameters(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public sealed override LayerModules Modules(IReadOnlyList<int> input) => LayerModules.None;

    /// <inheritdoc/>
    public sealed override FoldedLayer Folded(LayerModules modules, InputScale? scale) => new(this, [], [], []);
}
