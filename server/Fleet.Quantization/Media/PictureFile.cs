using System.Runtime.InteropServices;
using Fleet.Contracts.Media;
using SkiaSharp;

namespace Fleet.Quantization.Media;

/// <summary>
/// Pictures from files: PNG and JPEG as Skia decodes them, which for JPEG is libjpeg-turbo with its exact transform, as in Pillow and
/// OpenCV; PGM and PPM. Colours are taken as they stand, without profiles, and of 16 bits the upper eight; grey of 16 bits is refused,
/// since what measures rarely uses all of them; transparency is left out; a picture that says that it is to be turned (EXIF) is turned.
/// </summary>
internal static class PictureFile
{
    private static ReadOnlySpan<byte> Png => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];
    private static ReadOnlySpan<byte> Jpeg => [0xFF, 0xD8, 0xFF];

    /// <summary>Where the header of a PNG has the bits of a channel and behind them the kind of its channels; its bit for colour.</summary>
    private const int PngDepth = 24, PngColour = 2;

    /// <summary>Reads one file, all of it or nothing.</summary>
    /// <exception cref="FormatException">It is no such picture, is damaged, or is too large; the message says what to do.</exception>
    public static Picture Read(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > Picture.MaximumBytes)
            throw new FormatException($"The file has {length:N0} bytes; up to {Picture.MaximumBytes:N0} are read. Make it smaller.");
        return Read(File.ReadAllBytes(path));
    }

    /// <summary>
    /// Size and colours of the picture that <see cref="Read(string)"/> gives, without its pixels where the header says them.
    /// </summary>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static (int Width, int Height, bool IsGrey) Look(string path)
    {
        Span<byte> begin = stackalloc byte[8];
        using (var file = File.OpenRead(path)) file.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false);
        if (begin.StartsWith(Png) || begin.StartsWith(Jpeg))
        {
            using var codec = SKCodec.Create(path);
            if (codec is not null)
            {
                var isTurned = codec.EncodedOrigin >= SKEncodedOrigin.LeftTop;
                return (isTurned ? codec.Info.Height : codec.Info.Width, isTurned ? codec.Info.Width : codec.Info.Height,
                    codec.Info.ColorType == SKColorType.Gray8);
            }
        }
        var picture = Read(path);
        return (picture.Width, picture.Height, picture.IsGrey);
    }

    /// <summary>Reads the bytes of one file; what they begin with says what they are.</summary>
    /// <inheritdoc cref="Read(string)" path="/exception"/>
    public static Picture Read(byte[] file) => file switch
    {
        _ when file.AsSpan().StartsWith(Png) || file.AsSpan().StartsWith(Jpeg) => Decode(file),
        [(byte)'P', >= (byte)'1' and <= (byte)'7', ..] => PortableImage.Read(file),
        _ => throw new FormatException("The file does not begin as a PNG, JPEG, PGM or PPM picture does; write it again as one, or move it "
            + "away."),
    };

    // Only what began as PNG or JPEG comes here: Skia's readers of other formats are never reached.
    private static Picture Decode(byte[] file)
    {
        if (file.AsSpan().StartsWith(Png) && file.Length > PngDepth + 1 && file[PngDepth] > 8 && (file[PngDepth + 1] & PngColour) == 0)
        {
            throw new FormatException(
                "The picture is grey with 16 bits, of which the upper 8 may be empty; save it with 8, or as an npy array.");
        }
        using var data = SKData.CreateCopy(file);
        using var codec = SKCodec.Create(data)
            ?? throw new FormatException("The picture is damaged: its header cannot be read. Copy or export it again, or move it away.");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        Picture.CheckSize(width, height);
        var isGrey = codec.Info.ColorType == SKColorType.Gray8;
        var step = isGrey ? 1 : 4;
        // No colour space: values are not converted.
        var info = new SKImageInfo(
            width, height, isGrey ? SKColorType.Gray8 : SKColorType.Rgba8888, isGrey ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        var values = new byte[width * height * step];
        var pinned = GCHandle.Alloc(values, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = codec.GetPixels(info, pinned.AddrOfPinnedObject(), width * step, SKCodecOptions.Default);
        }
        finally
        {
            pinned.Free();
        }
        return result == SKCodecResult.Success
            ? Upright(new Picture(width, height, isGrey, step, values), codec.EncodedOrigin)
            : throw new FormatException(result == SKCodecResult.IncompleteInput
                ? "The picture ends before its last row: the file was cut off. Copy it again, or move it away."
                : $"The picture is damaged ({result}). Copy or export it again, or move it away.");
    }

    private static Picture Upright(Picture stored, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft or SKEncodedOrigin.Default) return stored;
        var (right, bottom) = (stored.Width - 1, stored.Height - 1);
        var isTurned = origin >= SKEncodedOrigin.LeftTop;
        var upright = stored with
        {
            Width = isTurned ? stored.Height : stored.Width,
            Height = isTurned ? stored.Width : stored.Height,
            Values = new byte[stored.Values.Length],
        };
        for (var y = 0; y < upright.Height; y++)
        {
            for (var x = 0; x < upright.Width; x++)
            {
                // Where EXIF's eight origins have the pixel that is seen at x, y.
                var (column, row) = origin switch
                {
                    SKEncodedOrigin.TopRight => (right - x, y),
                    SKEncodedOrigin.BottomRight => (right - x, bottom - y),
                    SKEncodedOrigin.BottomLeft => (x, bottom - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, bottom - x),
                    SKEncodedOrigin.RightBottom => (right - y, bottom - x),
                    _ => (right - y, x),
                };
                stored.Values.AsSpan((row * stored.Width + column) * stored.Step, stored.Step)
                    .CopyTo(upright.Values.AsSpan((y * upright.Width + x) * stored.Step));
            }
        }
        return upright;
    }
}
