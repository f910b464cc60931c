using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>
/// Finds out where samples have their channels, and turns those that have them last: a student takes channels, height and width, or
/// channels and length.
/// </summary>
internal static class SampleLayouts
{
    /// <summary>Channels that pictures have.</summary>
    private static readonly int[] PictureChannels = [1, 3, 4];

    /// <summary>Most channels of a series that are taken for channels by their number alone, and moments for each of them.</summary>
    private const int UsualChannels = 16, MomentsForEach = 4;

    /// <summary>Samples that are looked at.</summary>
    private const int LookedAt = 64;

    /// <summary>Where the channels are, of samples of two or three axes.</summary>
    public static SampleLayout Of(RawSamples raw) => raw.SampleShape switch
    {
        [var first, var second, var last] when PictureChannels.Contains(last) && !PictureChannels.Contains(first)
            && Math.Min(first, second) > last => SampleLayout.ChannelsLast,
        [var first, var last] when last <= UsualChannels && first >= MomentsForEach * last && IsSmootherAlongFirst(raw)
            => SampleLayout.ChannelsLast,
        _ => SampleLayout.ChannelsFirst,
    };

    /// <summary>A shape with its last axis in front.</summary>
    public static int[] Turned(IReadOnlyList<int> shape) => [shape[^1], .. shape.SkipLast(1)];

    /// <summary>Samples with their last axis in front.</summary>
    public static RawSamples Turned(RawSamples raw)
    {
        var channels = raw.SampleShape[^1];
        var length = raw.SampleShape.Aggregate(1, (product, extent) => product * extent);
        var (plane, turned) = (length / channels, raw.Values.Room.Take(raw.Values.Length));
        for (long start = 0; start < turned.Length; start += length)
        {
            var from = raw.Values.Part(start, length);
            var to = turned.Part(start, length);
            for (var place = 0; place < plane; place++)
            {
                for (var channel = 0; channel < channels; channel++)
                    to[channel * plane + place] = from[place * channels + channel];
            }
        }
        return raw with { Values = turned, SampleShape = Turned(raw.SampleShape) };
    }

    // From moment to moment a sensor changes less than from sensor to sensor.
    private static bool IsSmootherAlongFirst(RawSamples raw)
    {
        var (rows, columns) = (raw.SampleShape[0], raw.SampleShape[1]);
        if (columns == 1) return true;
        double along = 0, across = 0;
        for (var sample = 0; sample < Math.Min(LookedAt, raw.Labels.Count); sample++)
        {
            var values = raw.Values.Part((long)sample * rows * columns, rows * columns);
            for (var place = columns; place < values.Length; place++)
            {
                along += Math.Abs(values[place] - values[place - columns]);
                if (place % columns > 0) across += Math.Abs(values[place] - values[place - 1]);
            }
        }
        return along / columns < across / (columns - 1);
    }
}
