using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Torch;

/// <summary>
/// Makes tensors of numbers in arrays. TorchSharp's own use the memory of the array, which begins at any multiple of 8 bytes;
/// a convolution of the same numbers gives other last bits there than where torch puts its tensors, at multiples of 64. A
/// training would end with other bits whenever the process had allocated otherwise before.
/// </summary>
internal static class AlignedTensor
{
    /// <summary>Some samples in a row as a batch.</summary>
    public static Tensor Of(SampleSet samples, int start, int count, Device device)
        => Of(samples.Batch(start, count), [count, .. samples.SampleShape.Select(extent => (long)extent)], device);

    /// <summary>The numbers as a tensor.</summary>
    /// <param name="values">Row by row.</param>
    /// <param name="shape">Extents; their product is the number of values.</param>
    /// <param name="device">Where it is needed.</param>
    public static Tensor Of(Memory<float> values, ReadOnlySpan<long> shape, Device device)
    {
        using var scope = NewDisposeScope();
        return tensor(values, shape, device: device).clone().MoveToOuterDisposeScope();
    }
}
