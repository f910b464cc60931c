using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Kernels over one or two axes. Padding keeps the extent at stride 1.</summary>
/// <param name="Kernel">Extent of a kernel along each axis, odd.</param>
/// <param name="Stride">Step along each axis.</param>
internal abstract record ConvolutionLayer(int Kernel, int Stride) : NormalizedLayer
{
    /// <inheritdoc/>
    public sealed override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input)
        => [ChannelsBehind(input), .. input.Skip(1).Select(extent => (extent - 1) / Stride + 1)];

    /// <inheritdoc/>
    public sealed override long MultiplyAdds(IReadOnlyList<int> input)
        => ShapeBehind(input).Skip(1).Aggregate(WeightsOf(input), (product, extent) => product * extent);

    /// <inheritdoc/>
    public sealed override LayerModules Modules(IReadOnlyList<int> input)
    {
        var (channels, groups) = (ChannelsBehind(input), Groups(input));
        return input.Count == 2
            ? new LayerModules(nn.Conv1d(input[0], channels, Kernel, Stride, padding: Kernel / 2, groups: groups, bias: false),
                nn.BatchNorm1d(channels))
            : new LayerModules(nn.Conv2d(input[0], channels, Kernel, Stride, padding: Kernel / 2, groups: groups, bias: false),
                nn.BatchNorm2d(channels));
    }

    /// <inheritdoc/>
    public sealed override string Export(StudentGraph graph, LayerExport layer)
    {
        var axes = layer.Folded.WeightShape.Count - 2;
        var node = graph.Node("Conv", $"conv{layer.Number}", layer.Input, graph.Weight(layer), graph.Bias(layer))
            .With("kernel_shape", Enumerable.Repeat((long)Kernel, axes))
            .With("strides", Enumerable.Repeat((long)Stride, axes))
            .With("pads", Enumerable.Repeat((long)Kernel / 2, 2 * axes));
        if (Groups(layer.Shape) is > 1 and var groups) node.With("group", groups);
        return graph.Add("Relu", $"relu{layer.Number}", node.Output[0]);
    }

    /// <summary>Output channels.</summary>
    protected abstract int ChannelsBehind(IReadOnlyList<int> input);

    /// <summary>Groups of channels that are not mixed with each other.</summary>
    protected abstract int Groups(IReadOnlyList<int> input);

    /// <inheritdoc/>
    protected sealed override long WeightsOf(IReadOnlyList<int> input)
        => (long)ChannelsBehind(input) * (input[0] / Groups(input)) * input.Skip(1).Aggregate(1L, (product, _) => product * Kernel);
}
