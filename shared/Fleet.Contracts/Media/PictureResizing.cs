namespace Fleet.Contracts.Media;

/// <summary>A part of a picture in pixels, whose edges may lie between them.</summary>
public readonly record struct PicturePart(double Left, double Top, double Right, double Bottom)
{
    /// <summary>All of it.</summary>
    public static PicturePart All(Picture picture) => new(0, 0, picture.Width, picture.Height);

    /// <summary>
    /// The largest part in the middle with the proportions of <paramref name="width"/> and <paramref name="height"/>, or a share of it.
    /// </summary>
    public static PicturePart Middle(Picture picture, int width, int height, double share)
    {
        var scale = share * Math.Min(picture.Width / (double)width, picture.Height / (double)height);
        var (left, top) = ((picture.Width - width * scale) / 2, (picture.Height - height * scale) / 2);
        return new(left, top, left + width * scale, top + height * scale);
    }
}

/// <summary>
/// Makes a picture larger or smaller, rows after columns, in floats without rounding in between. Memory holds the rows that one new row is
/// made of.
/// </summary>
public static class PictureResizing
{
    // ITU-R BT.601: what grey is of red, green and blue.
    private const float Red = 0.299f, Green = 0.587f, Blue = 0.114f;

    /// <summary>A part of a picture in another size, from 0 for black to 1 for white.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="part">What of it is shown.</param>
    /// <param name="width">New pixels in a row.</param>
    /// <param name="height">New rows.</param>
    /// <param name="channels">1 for grey, 3 for red, green and blue.</param>
    /// <param name="antialias">See <see cref="Taps.Of"/>.</param>
    /// <returns>Row by row, pixel by pixel.</returns>
    public static float[] Resize(Picture picture, PicturePart part, int width, int height, int channels, bool antialias)
    {
        var columns = Taps.Of(part.Left, part.Right, picture.Width, width, antialias);
        var rows = Taps.Of(part.Top, part.Bottom, picture.Height, height, antialias);
        var length = width * channels;
        var kept = new (int Row, float[] Values)[rows.Max(taps => taps.Weights.Length)];
        for (var i = 0; i < kept.Length; i++) kept[i] = (-1, new float[length]);
        var (colours, resized) = (new float[picture.Width * channels], new float[height * length]);
        for (var y = 0; y < height; y++)
        {
            var sum = resized.AsSpan(y * length, length);
            for (var tap = 0; tap < rows[y].Weights.Length; tap++)
            {
                var row = rows[y].First + tap;
                // Rows come in order, so that as many as one new row takes are enough.
                ref var slot = ref kept[row % kept.Length];
                if (slot.Row != row)
                {
                    ReadRow(picture, row, channels, colours);
                    Combine(colours, columns, channels, slot.Values);
                    slot.Row = row;
                }
                var weight = rows[y].Weights[tap];
                for (var i = 0; i < length; i++) sum[i] += weight * slot.Values[i];
            }
        }
        return resized;
    }

    /// <summary>A picture as it is, in the same form.</summary>
    public static float[] Colours(Picture picture, int channels)
    {
        var all = new float[picture.Width * picture.Height * channels];
        for (var row = 0; row < picture.Height; row++)
            ReadRow(picture, row, channels, all.AsSpan(row * picture.Width * channels, picture.Width * channels));
        return all;
    }

    private static void ReadRow(Picture picture, int row, int channels, Span<float> colours)
    {
        var pixels = picture.Values.AsSpan(row * picture.Width * picture.Step);
        float largest = picture.Largest;
        for (var x = 0; x < picture.Width; x++)
        {
            var pixel = pixels[(x * picture.Step)..];
            if (picture.IsGrey) colours.Slice(x * channels, channels).Fill(pixel[0] / largest);
            else if (channels == 1) colours[x] = (Red * pixel[0] + Green * pixel[1] + Blue * pixel[2]) / largest;
            else
            {
                for (var channel = 0; channel < channels; channel++) colours[x * channels + channel] = pixel[channel] / largest;
            }
        }
    }

    private static void Combine(ReadOnlySpan<float> colours, Taps[] columns, int channels, Span<float> row)
    {
        for (var x = 0; x < columns.Length; x++)
        {
            var (first, weights) = columns[x];
            for (var channel = 0; channel < channels; channel++)
            {
                var sum = 0f;
                for (var tap = 0; tap < weights.Length; tap++) sum += weights[tap] * colours[(first + tap) * channels + channel];
                row[x * channels + channel] = sum;
            }
        }
    }
}
