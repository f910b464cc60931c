using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>What each channel of the input is multiplied by, for the first weights to take in.</summary>
/// <param name="scale">A factor a channel.</param>
/// <param name="shape">Shape of one sample.</param>
internal sealed class InputScale(Tensor scale, IReadOnlyList<int> shape)
{
    /// <summary>As the input channels of a kernel: the second axis of its weights.</summary>
    public Tensor OfChannels() => scale.reshape([1, -1, .. Axes()]);

    /// <summary>As the kernels themselves where each has one channel: the first axis of the weights.</summary>
    public Tensor OfKernels() => scale.reshape([-1, 1, .. Axes()]);

    /// <summary>For weights that read every value of a sample in one row.</summary>
    public Tensor OfValues() => OfChannels().expand([1, .. shape.Select(extent => (long)extent)]).reshape(1, -1);

    private IEnumerable<long> Axes() => shape.Skip(1).Select(_ => 1L);
}
