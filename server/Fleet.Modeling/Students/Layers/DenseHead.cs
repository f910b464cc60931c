using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Fully connected layer to the answer.</summary>
/// <param name="Columns">Numbers for one sample.</param>
internal abstract record DenseHead(int Columns) : Head
{
    /// <summary>Name of the answer in the exported file.</summary>
    protected abstract string Output { get; }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input) => [new(Output, [Columns])];

    /// <inheritdoc/>
    public sealed override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Columns;

    /// <inheritdoc/>
    public sealed override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * Columns;

    /// <inheritdoc/>
    public sealed override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Columns), null);

    /// <inheritdoc/>
    public sealed override string Export(StudentGraph graph, LayerExport layer) => graph.Gemm(layer, Output);

    /// <inheritdoc/>
    protected sealed override Tensor Scale(InputScale scale) => scale.OfValues();
}
