using System.Globalization;

namespace Fleet.Contracts.Media;

/// <summary>
/// Pictures in the portable formats PGM (grey) and PPM (colour), binary, 8 bits: what any image tool writes without a library.
/// </summary>
public static class PortableImage
{
    /// <summary>The picture.</summary>
    /// <exception cref="FormatException">It is not such a picture.</exception>
    public static Picture Read(ReadOnlySpan<byte> file)
    {
        var channels = file switch
        {
            [(byte)'P', (byte)'5', ..] => 1,
            [(byte)'P', (byte)'6', ..] => 3,
            _ => throw new FormatException("This is not a binary PGM or PPM picture (P5 or P6)."),
        };
        var rest = file[2..];
        int width = Number(ref rest), height = Number(ref rest), largest = Number(ref rest);
        if (largest is < 1 or > 255) throw new FormatException($"The picture has values up to {largest}; 8 bits are read.");
        Picture.CheckSize(width, height);
        // One white space ends the header.
        if (rest.Length - 1 != (long)width * height * channels)
            throw new FormatException(
                $"The picture has {rest.Length - 1} bytes of pixels; {width}x{height} of {channels} channels need "
                    + $"{(long)width * height * channels}.");
        if (largest < byte.MaxValue && rest[1..].ContainsAnyInRange((byte)(largest + 1), byte.MaxValue))
            throw new FormatException($"The picture has values above {largest}, which its header names as the largest.");
        return new Picture(width, height, channels == 1, channels, rest[1..].ToArray(), largest);
    }

    private static int Number(ref ReadOnlySpan<byte> rest)
    {
        while (rest is [(byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)'#', ..])
            rest = rest[0] == '#' && rest.IndexOf((byte)'\n') is >= 0 and var end ? rest[end..] : rest[1..];
        var digits = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (digits < 1 || !int.TryParse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw new FormatException("The header of the picture is not understood.");
        rest = rest[digits..];
        return number;
    }
}
