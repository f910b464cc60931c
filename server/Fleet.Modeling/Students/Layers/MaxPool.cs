using Fleet.Quantization.Onnx;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Largest value of each window; windows do not overlap and an incomplete one is left out.</summary>
internal sealed record MaxPool(int Size) : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input)
        => [input[0], .. input.Skip(1).Select(extent => extent / Size)];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => value.dim() == 3 ? functional.max_pool1d(value, Size) : functional.max_pool2d(value, Size);

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var axes = layer.Shape.Count - 1;
        return graph.Node("MaxPool", $"pool{layer.Number}", layer.Input)
            .With("kernel_shape", Enumerable.Repeat((long)Size, axes))
            .With("strides", Enumerable.Repeat((long)Size, axes)).Output[0];
    }
}
