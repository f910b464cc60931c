namespace Fleet.Contracts.Media;

/// <summary>A picture as it was read.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="IsGrey">One value a pixel; otherwise red, green and blue.</param>
/// <param name="Step">Bytes from one pixel to the next; what follows the colours is not used.</param>
/// <param name="Values">The pixels, row by row.</param>
/// <param name="Largest">The value of white.</param>
public sealed record Picture(int Width, int Height, bool IsGrey, int Step, byte[] Values, int Largest = byte.MaxValue)
{
    /// <summary>Most pixels of one picture: 64 Mi, more than most cameras make, and 256 MiB while it is read.</summary>
    public const long MaximumPixels = 64L << 20;

    /// <summary>Most bytes of one file.</summary>
    public const long MaximumBytes = 256L << 20;

    /// <summary>Refuses what is too large before memory is taken for it.</summary>
    /// <exception cref="FormatException">It is empty, or has too many pixels.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1 || width > MaximumPixels || width * height > MaximumPixels)
            throw new FormatException(
                $"The picture has {width}x{height} pixels; 1 to {MaximumPixels} are read. Make it smaller, or move it away.");
    }
}
