using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Media;

/// <summary>How pictures become one input of a model: what was asked, and where nothing was, what follows from the input.</summary>
public sealed class PicturePlan
{
    private readonly ValueScale _scale;
    private readonly int _channels;

    private PicturePlan(Preprocessing used, ValueScale scale, int channels) => (Used, _scale, _channels) = (used, scale, channels);

    /// <summary>Each part that is used.</summary>
    public Preprocessing Used { get; }

    /// <summary>The plan for an input.</summary>
    /// <param name="input">It.</param>
    /// <param name="asked">What was asked.</param>
    /// <exception cref="InvalidDataException">The input does not take pictures, or not as they were asked for.</exception>
    public static PicturePlan Of(MediaInput input, Preprocessing asked)
    {
        // Pictures lie in the last three axes; one in front of them counts pictures.
        if (input.Extents.Count is not (3 or 4))
            throw new InvalidDataException(
                $"Input {input} does not take pictures: those have channels, height and width. Give samples as npz or npy.");
        int[] extents = [.. input.Extents.TakeLast(3)];
        var layout = asked.Layout ?? (extents[0] is 1 or 3 ? PictureLayout.Nchw
            : extents[2] is 1 or 3 ? PictureLayout.Nhwc
            : throw new InvalidDataException($"Where input {input} has its channels cannot be told from its shape: give the layout, nchw "
                + "or nhwc; pictures have 1 or 3 channels."));
        var (channels, height, width) = layout == PictureLayout.Nchw
            ? (extents[0], extents[1], extents[2]) : (extents[2], extents[0], extents[1]);
        if (channels < 0) channels = asked.Colour == PictureColour.Grey ? 1 : 3;
        if (channels is not (1 or 3))
            throw new InvalidDataException($"Input {input} takes {channels} channels as {layout.ToString().ToUpperInvariant()}; pictures "
                + "have 1 or 3. Give another layout, or samples as npz or npy.");
        var colour = asked.Colour ?? (channels == 1 ? PictureColour.Grey : PictureColour.Rgb);
        if (colour == PictureColour.Grey && channels == 3 || colour != PictureColour.Grey && channels == 1)
            throw new InvalidDataException($"Input {input} takes {channels} {(channels == 1 ? "channel" : "channels")}, which "
                + $"{colour.ToString().ToLowerInvariant()} pictures do not have. Grey pictures are read into 3 channels, and coloured ones "
                + "into 1, when no colour is asked.");
        if (input.Extents is [> 1, _, _, _])
            throw new InvalidDataException($"Input {input} takes {input.Extents[0]} pictures at once; export the model for one, or for any "
                + "number.");
        var scale = new ValueScale(asked, input.WholeNumbers is null ? (0, 1) : (0, byte.MaxValue), channels, input);
        var (finalWidth, finalHeight) = (Side(width, asked.Width, "width", input), Side(height, asked.Height, "height", input));
        if (finalWidth is null != finalHeight is null)
            throw new InvalidDataException($"Input {input} fixes one side of its pictures only; give width and height.");
        if (finalWidth is { } sideWidth) Checked(sideWidth, finalHeight!.Value, input);
        var isSized = finalWidth is not null;
        return new PicturePlan(
            new Preprocessing
            {
                Mean = asked.Mean,
                Deviation = asked.Deviation,
                Range = scale.Range,
                Width = finalWidth,
                Height = finalHeight,
                Fit = isSized ? asked.Fit ?? PictureFit.Stretch : null,
                CropShare = isSized && asked.Fit == PictureFit.Crop ? asked.CropShare ?? 1 : null,
                Padding = isSized && asked.Fit == PictureFit.Pad ? asked.Padding ?? Preprocessing.DefaultPadding : null,
                Resize = asked.Resize ?? PictureResize.Bilinear,
                Layout = layout,
                Colour = colour,
            }, scale, channels);
    }

    /// <summary>One picture as a sample.</summary>
    public PreparedSamples Prepare(Picture picture)
    {
        var (width, height) = (Used.Width ?? picture.Width, Used.Height ?? picture.Height);
        var (left, top, shownWidth, shownHeight) = (0, 0, width, height);
        if (Used.Fit == PictureFit.Pad)
        {
            var scale = Math.Min(width / (double)picture.Width, height / (double)picture.Height);
            shownWidth = Math.Clamp((int)Math.Round(picture.Width * scale), 1, width);
            shownHeight = Math.Clamp((int)Math.Round(picture.Height * scale), 1, height);
            (left, top) = ((width - shownWidth) / 2, (height - shownHeight) / 2);
        }
        var part = Used.Fit == PictureFit.Crop
            ? PicturePart.Middle(picture, width, height, Used.CropShare ?? 1) : PicturePart.All(picture);
        var shown = part == PicturePart.All(picture) && (shownWidth, shownHeight) == (picture.Width, picture.Height)
            ? PictureResizing.Colours(picture, _channels)
            : PictureResizing.Resize(picture, part, shownWidth, shownHeight, _channels, Used.Resize == PictureResize.Antialias);

        var isPlanes = Used.Layout == PictureLayout.Nchw;
        var values = new float[height * width * _channels];
        for (var channel = 0; channel < _channels; channel++)
        {
            var of = Used.Colour == PictureColour.Bgr ? _channels - 1 - channel : channel;
            // The padding is a byte: 114 of 255.
            var margin = _scale.Of((Used.Padding ?? 0) / (double)byte.MaxValue, channel);
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                {
                    var at = isPlanes ? (channel * height + y) * width + x : (y * width + x) * _channels + channel;
                    var (column, row) = (x - left, y - top);
                    values[at] = column >= 0 && column < shownWidth && row >= 0 && row < shownHeight
                        ? _scale.Of(shown[(row * shownWidth + column) * _channels + of], channel)
                        : margin;
                }
            }
        }
        return new PreparedSamples(values, isPlanes ? [1, _channels, height, width] : [1, height, width, _channels]);
    }

    private static int? Side(int fixedSide, int? asked, string key, MediaInput input)
        => fixedSide < 0 ? asked : asked is { } other && other != fixedSide
            ? throw new InvalidDataException($"{key} {other} was asked, and input {input} takes {fixedSide} alone.")
            : fixedSide;

    private static void Checked(int width, int height, MediaInput input)
    {
        if ((long)width * height > Picture.MaximumPixels)
            throw new InvalidDataException($"Input {input} would take pictures of {width}x{height} pixels; up to "
                + $"{Picture.MaximumPixels} are made.");
    }
}
