using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>A layer whose weights are a table of vectors.</summary>
internal abstract record TableLayer : WeightedLayer
{
    /// <inheritdoc/>
    public sealed override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    // torch.nn begins embeddings at deviation 1, which drowns what the blocks add to them at first.
    protected static LayerModules Table(int rows, int width, int? zero = null)
    {
        var table = nn.Embedding(rows, width, zero);
        nn.init.normal_(table.weight!, 0, 0.02);
        if (zero is { } row)
        {
            using var noGradient = no_grad();
            table.weight![row].zero_();
        }
        return new LayerModules(table, null);
    }
}
