using System.Numerics.Tensors;

namespace Fleet.Quantization.Weights;

/// <summary>A weight as signed bytes with a scale for each channel.</summary>
/// <param name="Values">The integers, -127 to 127, in the order of the weight.</param>
/// <param name="Scales">One for each channel.</param>
internal sealed record ChannelWeights(sbyte[] Values, float[] Scales)
{
    /// <summary>-128 is left out: without it the range is symmetric and products of two bytes pair up without overflow.</summary>
    private const int Largest = 127;

    /// <summary>Quantizes <paramref name="weights"/> along <paramref name="axis"/>.</summary>
    /// <param name="weights">The values, last axis fastest.</param>
    /// <param name="extents">Their shape.</param>
    /// <param name="axis">The axis of the channels.</param>
    /// <param name="smallestScales">A lower bound for each channel's scale, or null.</param>
    public static ChannelWeights Of(
        ReadOnlySpan<float> weights, IReadOnlyList<long> extents, int axis, ReadOnlySpan<float> smallestScales = default)
    {
        var channels = (int)extents[axis];
        var inner = (int)extents.Skip(axis + 1).Aggregate(1L, (product, extent) => product * extent);
        var (largest, magnitudes) = (new float[channels], new float[Math.Max(channels, inner)]);
        for (int from = 0, channel = 0; from < weights.Length; channel = (channel + 1) % channels)
        {
            // Where a channel's weights lie apart, a row of all channels is looked at together.
            var run = weights.Slice(from, inner == 1 ? channels : inner);
            var row = magnitudes.AsSpan(0, run.Length);
            TensorPrimitives.Abs(run, row);
            if (inner == 1) TensorPrimitives.Max(largest, row, largest);
            else largest[channel] = Math.Max(largest[channel], TensorPrimitives.Max<float>(row));
            from += run.Length;
        }

        var scales = new float[channels];
        for (var channel = 0; channel < channels; channel++)
        {
            var scale = (float)((double)largest[channel] / Largest);
            if (!float.IsNormal(scale)) scale = 1;
            scales[channel] = smallestScales.IsEmpty ? scale : Math.Max(scale, smallestScales[channel]);
        }

        return new ChannelWeights(Round(weights, scales, inner, new Levels(-Largest, Largest)), scales);
    }

    /// <summary>Quantizes <paramref name="weights"/> along <paramref name="axis"/> on a grid that is given.</summary>
    public static ChannelWeights On(WeightGrid grid, ReadOnlySpan<float> weights, IReadOnlyList<long> extents, int axis)
        => new(Round(weights, grid.Scales, (int)extents.Skip(axis + 1).Aggregate(1L, (product, extent) => product * extent), grid.Levels),
            grid.Scales);

    private static sbyte[] Round(ReadOnlySpan<float> weights, float[] scales, int inner, Levels levels)
    {
        var (values, steps) = (new sbyte[weights.Length], new float[Math.Max(scales.Length, inner)]);
        for (int from = 0, channel = 0; from < weights.Length; channel = (channel + 1) % scales.Length)
        {
            var run = weights.Slice(from, inner == 1 ? scales.Length : inner);
            var row = steps.AsSpan(0, run.Length);
            if (inner == 1) TensorPrimitives.Divide(run, scales, row);
            else TensorPrimitives.Divide(run, scales[channel], row);
            TensorPrimitives.Round<float>(row, row);
            TensorPrimitives.Clamp(row, levels.Lowest, levels.Highest, row);
            TensorPrimitives.ConvertSaturating<float, sbyte>(row, values.AsSpan(from, run.Length));
            from += run.Length;
        }
        return values;
    }
}
