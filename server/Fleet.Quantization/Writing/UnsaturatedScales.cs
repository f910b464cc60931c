using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Scales of signed weights at which no pair of products saturates (<see cref="SumOrder"/>): the file is then right on every processor,
/// with no setting and at the full speed of its integer kernels. Two neighbours are rarely both near the largest of their channel, so that
/// little of the range is lost.
/// </summary>
internal static class UnsaturatedScales
{
    /// <summary>Each of a pair may be rounded up by a half.</summary>
    private const int LargestBeforeRounding = SumOrder.LargestPair - 1;

    /// <summary>The smallest such scale of each channel; null where kernels do not add pairs.</summary>
    public static float[]? Of(WeightedOperator product)
        => SumOrder.Of(product.Node, product.Weight.Dims) is { } order
            ? Array.ConvertAll(order.LargestPairs(product.Values()), sum => sum / LargestBeforeRounding)
            : null;
}
