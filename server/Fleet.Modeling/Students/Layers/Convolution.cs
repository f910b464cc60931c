using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Convolution over one or two axes, batch normalization, ReLU.</summary>
/// <param name="Channels">Output channels.</param>
/// <param name="Kernel">Extent of the kernel along each axis, odd.</param>
/// <param name="Stride">Step along each axis.</param>
internal sealed record Convolution(int Channels, int Kernel, int Stride = 1) : ConvolutionLayer(Kernel, Stride)
{
    /// <inheritdoc/>
    protected override int ChannelsBehind(IReadOnlyList<int> input) => Channels;

    /// <inheritdoc/>
    protected override int Groups(IReadOnlyList<int> input) => 1;

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfChannels();
}
