using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Media;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// Makes a sample of a picture of any size: resized, coloured and scaled as the training pictures were. It comes as lists of pixels, as raw
/// pixels in base64 with width and height, or as a PGM or PPM file in base64. What a camera or decoder gives are such pixels; PNG and
/// JPEG are decoded by the application, whose system has a decoder.
/// </summary>
public sealed class PictureReader : IInstanceReader
{
    private readonly PicturePlan _plan;
    private readonly int _channels;

    /// <param name="used">Each part of how the training pictures became samples.</param>
    /// <exception cref="InvalidDataException">A part is missing, or the parts do not go together.</exception>
    public PictureReader(Preprocessing used)
    {
        if (used is not
            {
                Width: { } width and >= 1 and <= LongestSide, Height: { } height and >= 1 and <= LongestSide, Colour: { } colour,
            })
            throw new InvalidDataException($"pictures become samples of a width and height of 1 to {LongestSide} and of colours, and "
                + "that is not said.");
        _channels = colour == PictureColour.Grey ? 1 : 3;
        _plan = PicturePlan.Of(new MediaInput("input", used.Layout == PictureLayout.Nhwc
            ? [-1, height, width, _channels] : [-1, _channels, height, width]), used);
        Width = width * height * _channels;
    }

    /// <inheritdoc/>
    public int Width { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Read(JsonElement instance, Span<float> values)
    {
        var picture = instance.ValueKind switch
        {
            JsonValueKind.Array => Listed(instance),
            JsonValueKind.Object when Base64.Of(instance) is { } bytes => Raw(bytes, instance),
            _ => throw new FormatException("it must be a picture: rows of pixels of 0 to 255, as [[[red, green, blue], ...], ...] or "
                + "[[grey, ...], ...], or {\"b64\": PIXELS, \"width\": W, \"height\": H}"),
        };
        _plan.Prepare(picture).Values.CopyTo(values);
        return [];
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        json.WriteString("kind"u8, "picture"u8);
        json.WriteString("colour"u8, _channels == 1 ? "grey"u8 : "rgb"u8);
        json.WriteString("becomes"u8, _plan.Used.ToString());
    }

    /// <summary>A picture's side that a model takes at most, and that an application gives.</summary>
    private const int LongestSide = 16_384;

    // Resizing holds rows of the new width for as many old rows as one new row is made of: long sides take much more than the picture.
    private static void CheckSides(int width, int height)
    {
        if (Math.Max(width, height) > LongestSide)
            throw new FormatException($"it has {width}x{height} pixels, and a side has up to {LongestSide}: make it smaller");
    }

    private static Picture Sided(Picture picture)
    {
        CheckSides(picture.Width, picture.Height);
        return picture;
    }

    private static Picture Raw(byte[] bytes, JsonElement instance)
    {
        if (bytes is [0x89, (byte)'P', (byte)'N', (byte)'G', ..] or [0xFF, 0xD8, 0xFF, ..])
            throw new FormatException("b64 is a PNG or JPEG file, which a device does not decode: send its pixels with width and height, "
                + "or a PPM file");
        var (width, height) = (Side(instance, "width"), Side(instance, "height"));
        if (width is null && height is null) return Sided(PortableImage.Read(bytes));
        if (width is not { } across || height is not { } down)
            throw new FormatException("it names one of width and height, and needs both");
        Picture.CheckSize(across, down);
        CheckSides(across, down);
        var pixels = (long)across * down;
        return bytes.Length % pixels == 0 && bytes.Length / pixels is 1 or 3 or 4
            ? new Picture(across, down, bytes.Length == pixels, (int)(bytes.Length / pixels), bytes)
            : throw new FormatException($"b64 holds {bytes.Length:N0} bytes, and {across}x{down} pixels have 1, 3 or 4 each (grey, or red, "
                + "green, blue, and what is not used)");
    }

    private static int? Side(JsonElement instance, string key) => !instance.TryGetProperty(key, out var side) ? null
        : side.ValueKind == JsonValueKind.Number && side.TryGetInt32(out var pixels) && pixels >= 1 ? pixels
        : throw new FormatException($"{key} is {Limits.Detail(side.GetRawText(), 40)}, not a number of pixels");

    private static Picture Listed(JsonElement rows)
    {
        var (height, width) = (rows.GetArrayLength(), rows.EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Array } first
            ? first.GetArrayLength() : 0);
        Picture.CheckSize(width, height);
        CheckSides(width, height);
        // Before memory is taken for what the first row promises.
        foreach (var row in rows.EnumerateArray())
        {
            if (row.ValueKind != JsonValueKind.Array || row.GetArrayLength() != width)
                throw new FormatException($"its rows must be lists of as many pixels as the first, {width}");
        }
        var step = rows[0][0].ValueKind == JsonValueKind.Array ? 3 : 1;
        var values = new byte[checked(width * height * step)];
        var filled = 0;
        foreach (var row in rows.EnumerateArray())
        {
            foreach (var pixel in row.EnumerateArray())
            {
                if (step == 1)
                {
                    values[filled++] = Value(pixel);
                    continue;
                }
                if (pixel.ValueKind != JsonValueKind.Array || pixel.GetArrayLength() != step)
                    throw new FormatException("a pixel must be [red, green, blue], as the first is");
                foreach (var colour in pixel.EnumerateArray()) values[filled++] = Value(colour);
            }
        }
        return new Picture(width, height, step == 1, step, values);
    }

    private static byte Value(JsonElement number)
        => number.ValueKind == JsonValueKind.Number && number.TryGetByte(out var value) ? value
            : throw new FormatException($"it holds {Limits.Detail(number.GetRawText(), 40)} where a whole number of 0 to 255 is needed");
}
