using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>The vectors of tokens as a series: a channel for each of their values.</summary>
internal sealed record TokenChannels : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[1], input[0]];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => value.transpose(1, 2);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Node("Transpose", $"channels{layer.Number}", layer.Input).With("perm", new long[] { 0, 2, 1 }).Output[0];
}
