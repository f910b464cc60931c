using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// A convolution of each channel with a kernel of its own, batch normalization, ReLU; a convolution of extent 1 behind it mixes
/// the channels (Howard et al., arXiv 1704.04861).
/// </summary>
internal sealed record Depthwise(int Kernel, int Stride = 1) : ConvolutionLayer(Kernel, Stride)
{
    /// <inheritdoc/>
    protected override int ChannelsBehind(IReadOnlyList<int> input) => input[0];

    /// <inheritdoc/>
    protected override int Groups(IReadOnlyList<int> input) => input[0];

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfKernels();
}
