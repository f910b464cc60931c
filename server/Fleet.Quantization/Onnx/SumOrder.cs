using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// In which order integer kernels of x86 sum over the weight of an output channel. Where the processor has no VNNI they multiply unsigned
/// with signed bytes two by two and add both products in 16 bits, which saturates (<c>vpmaddubsw</c>; Intel 64 and IA-32 Architectures
/// Software Developer's Manual, volume 2). The pairs are the first and second weight of the sum, the third and fourth, and so on: 255 times
/// the sum of both stays within 16 bits where that sum is at most 128.
/// </summary>
/// <param name="Channels">Output channels.</param>
/// <param name="Length">Weights that are summed over for each.</param>
/// <param name="ChannelStep">From a channel to the next.</param>
/// <param name="Step">From a weight of the sum to the next.</param>
/// <param name="Cycle">So many steps, then one further from where they began: a convolution sums channel by channel at each place.</param>
internal readonly record struct SumOrder(int Channels, int Length, int ChannelStep, int Step, int Cycle)
{
    /// <summary>Largest sum of a pair of integers that cannot saturate.</summary>
    public const int LargestPair = 128;

    /// <summary>The order of an operator with constant weights; null where its kernel does not add pairs.</summary>
    /// <param name="product">Conv, MatMul, MatMulInteger or Gemm.</param>
    /// <param name="extents">The shape of its weight.</param>
    public static SumOrder? Of(NodeProto product, IReadOnlyList<long> extents)
    {
        int At(int axis) => (int)extents[axis];
        if (product.OpType == "Conv")
        {
            var places = (int)extents.Skip(2).Aggregate(1L, (count, extent) => count * extent);
            // Each channel by itself: that kernel multiplies in 16 bits.
            return At(1) == 1 && product.Int("group", 1) == At(0) ? null : new(At(0), At(1) * places, At(1) * places, places, At(1));
        }
        return product.OpType == "Gemm" && product.Int("transB", 0) != 0
            ? new(At(0), At(1), At(1), 1, At(1))
            : new(At(1), At(0), 1, At(1), At(0));
    }

    /// <summary>For each channel the largest size of the sum of a pair.</summary>
    public float[] LargestPairs(ReadOnlySpan<float> weights)
    {
        var largest = new float[Channels];
        for (var first = 0; first < Length; first += 2)
        {
            var (one, other) = (PlaceOf(first), first + 1 < Length ? PlaceOf(first + 1) : -1);
            for (var channel = 0; channel < Channels; channel++)
            {
                var start = channel * ChannelStep;
                largest[channel] = Math.Max(largest[channel],
                    Math.Abs(weights[start + one] + (other < 0 ? 0 : weights[start + other])));
            }
        }
        return largest;
    }

    /// <summary>True where a pair of signed bytes may saturate.</summary>
    public bool MaySaturate(ReadOnlySpan<byte> weights)
    {
        for (var first = 0; first + 1 < Length; first += 2)
        {
            var (one, other) = (PlaceOf(first), PlaceOf(first + 1));
            for (var start = 0; start < Channels * ChannelStep; start += ChannelStep)
            {
                if (Math.Abs((sbyte)weights[start + one] + (sbyte)weights[start + other]) > LargestPair) return true;
            }
        }
        return false;
    }

    private int PlaceOf(int summand) => summand % Cycle * Step + summand / Cycle;
}
