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
        var largest = new float[channels];
        for (var i = 0; i < weights.Length; i++)
        {
            var channel = i / inner % channels;
            largest[channel] = Math.Max(largest[channel], Math.Abs(weights[i]));
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
        var values = new sbyte[weights.Length];
        for (var i = 0; i < weights.Length; i++)
            values[i] = (sbyte)Math.Clamp(MathF.Round(weights[i] / scales[i / inner % scales.Length]), levels.Lowest, levels.Highest);
        return values;
    }
}
