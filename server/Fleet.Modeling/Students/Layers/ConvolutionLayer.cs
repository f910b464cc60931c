using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Kernels over one or two axes. Padding keeps the extent at stride 1.</summary>
/// <param name="Kernel">Extent of a kernel along each axis, odd.</param>
/// <param name="Stride">Step along each axis.</param>
internal abstract record ConvolutionLayer(int Kernel, int Stride) : NormalizedLayer
{
    /// <summary>True: nothing stands behind the normalization, as where a correction is added to something.</summary>
    public bool IsLinear { get; init; }

    /// <summary>Steps between weights along a series.</summary>
    public int Dilation { get; init; } = 1;

    /// <summary>True: a place of a series hears what was before it and nothing after it.</summary>
    public bool IsCausal { get; init; }

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
        if (IsCausal)
            return new LayerModules(new CausalConvolution(input[0] / groups, channels, Kernel, Stride, Dilation, groups),
                nn.BatchNorm1d(channels));
        return input.Count == 2
            ? new LayerModules(nn.Conv1d(
                input[0], channels, Kernel, Stride, padding: Kernel / 2 * Dilation, dilation: Dilation, groups: groups, bias: false),
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
            .With("pads", IsCausal ? [(Kernel - 1L) * Dilation, 0] : Enumerable.Repeat((long)Kernel / 2 * Dilation, 2 * axes));
        if (Dilation > 1) node.With("dilations", Enumerable.Repeat((long)Dilation, axes));
        if (Groups(layer.Shape) is > 1 and var groups) node.With("group", groups);
        return IsLinear ? node.Output[0] : graph.Add("Relu", $"relu{layer.Number}", node.Output[0]);
    }

    /// <inheritdoc/>
    protected sealed override Tensor Activated(Tensor value) => IsLinear ? value : base.Activated(value);

    /// <summary>Output channels.</summary>
    protected abstract int ChannelsBehind(IReadOnlyList<int> input);

    /// <summary>Groups of channels that are not mixed with each other.</summary>
    protected abstract int Groups(IReadOnlyList<int> input);

    /// <inheritdoc/>
    protected sealed override long WeightsOf(IReadOnlyList<int> input)
        => (long)ChannelsBehind(input) * (input[0] / Groups(input)) * input.Skip(1).Aggregate(1L, (product, _) => product * Kernel);
}
