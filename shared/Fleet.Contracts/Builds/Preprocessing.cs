using System.Globalization;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>
/// How pictures and sound in files become inputs of a model. In a spec each part may be left out and then follows from the model's input;
/// in a report each part that was used is there, so that the same numbers come again.
/// </summary>
public sealed record Preprocessing
{
    /// <summary>
    /// Subtracted from each value, in the terms of <see cref="Range"/>: one number, or one for each channel in the order in which the model
    /// takes them. Absent: nothing is.
    /// </summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>What the difference is divided by, as <see cref="Mean"/> is given. Absent: by nothing.</summary>
    public IReadOnlyList<double>? Deviation { get; init; }

    /// <summary>
    /// What black and white, or the lowest and highest value of sound, become before mean and deviation. Absent: 0 and 1 for pictures (0
    /// and 255 where the input takes bytes), -1 and 1 for sound.
    /// </summary>
    public IReadOnlyList<double>? Range { get; init; }

    /// <summary>Width of the pictures for an input that takes any. Absent: the input's, or each picture's own.</summary>
    public int? Width { get; init; }

    /// <summary>Height of the pictures, as <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>What becomes of a picture of other proportions. Absent: it is stretched.</summary>
    public PictureFit? Fit { get; init; }

    /// <summary>
    /// With <see cref="PictureFit.Crop"/>: the share of the largest part in the middle that is kept, such as 0.875. Absent: all.
    /// </summary>
    public double? CropShare { get; init; }

    /// <summary>With <see cref="PictureFit.Pad"/>: the value of the margins, from 0 for black to 255. Absent: 114.</summary>
    public int? Padding { get; init; }

    /// <summary>How pictures are resized. Absent: bilinear.</summary>
    public PictureResize? Resize { get; init; }

    /// <summary>Where the input has its channels. Absent: where it has 1 or 3 of them.</summary>
    public PictureLayout? Layout { get; init; }

    /// <summary>The order of colours. Absent: grey for one channel, else RGB.</summary>
    public PictureColour? Colour { get; init; }

    /// <summary>Samples of sound a second; a file with another rate is refused. Absent: any, as long as all files agree.</summary>
    public int? SampleRate { get; init; }

    /// <summary>
    /// Samples of sound that the model takes at once, for an input that takes any number. Absent: the input's, or a whole file.
    /// </summary>
    public int? Window { get; init; }

    /// <summary>From the beginning of one window to the next. Absent: the window, so that none overlap.</summary>
    public int? Hop { get; init; }

    /// <summary>The keys that are given and have a meaning for pictures alone.</summary>
    public IReadOnlyList<string> OfPictures() => Given(("width", Width), ("height", Height), ("fit", Fit), ("cropShare", CropShare),
        ("padding", Padding), ("resize", Resize), ("layout", Layout), ("colour", Colour));

    /// <summary>The keys that are given and have a meaning for sound alone.</summary>
    public IReadOnlyList<string> OfSound() => Given(("sampleRate", SampleRate), ("window", Window), ("hop", Hop));

    private static string[] Given(params IEnumerable<(string Key, object? Value)> parts)
        => [.. parts.Where(part => part.Value is not null).Select(part => part.Key)];

    /// <summary>What was done, for people; empty where nothing is said.</summary>
    public override string ToString() => string.Join(", ", ((IEnumerable<string?>)[
        Resize is null ? null : SizeText(),
        Colour switch { PictureColour.Grey => "grey", { } colour => colour.ToString().ToUpperInvariant(), null => null },
        Layout?.ToString().ToUpperInvariant(),
        Window is { } window ? $"windows of {Text(window)} samples every {Text(Hop ?? window)}" : null,
        SampleRate is { } rate ? $"{Text(rate)} Hz" : null,
        Range is [var low, var high] ? $"values from {Text(low)} to {Text(high)}" : null,
        Mean is null ? null : $"less a mean of {Text(Mean)}",
        Deviation is null ? null : $"divided by {Text(Deviation)}",
    ]).OfType<string>());

    private string SizeText()
    {
        var size = Width is { } width && Height is { } height ? $"{Text(width)}x{Text(height)} pixels" : "each picture in its own size";
        var fit = Fit switch
        {
            null or PictureFit.Stretch => "stretched",
            PictureFit.Crop => $"cropped to the middle{(CropShare is { } share and < 1 ? $" ({Text(share)} of it)" : "")}",
            _ => $"padded with {Text(Padding ?? DefaultPadding)}",
        };
        var formula = Resize == PictureResize.Antialias ? "bilinear with antialiasing" : "bilinear";
        return Width is null ? size : $"{size} ({fit}, {formula}, half-pixel centres)";
    }

    private static string Text(IReadOnlyList<double> numbers) => string.Join(' ', numbers.Select(Text));

    private static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The grey that detectors of the YOLO family are trained with around their pictures.</summary>
    public const int DefaultPadding = 114;
}

/// <summary>What becomes of a picture whose proportions are not the input's.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<PictureFit>))]
public enum PictureFit
{
    /// <summary>It is stretched.</summary>
    Stretch,
    /// <summary>What is left over on two sides is cut off.</summary>
    Crop,
    /// <summary>It is shown whole, with margins on two sides.</summary>
    Pad,
}

/// <summary>
/// How pictures are resized: along each axis by a triangle around the centre of each new pixel, where pixel i has its centre at i + 1/2
/// and what would lie outside the picture is left out of the mean.
/// </summary>
[JsonConverter(typeof(CamelCaseEnumConverter<PictureResize>))]
public enum PictureResize
{
    /// <summary>
    /// The triangle reaches one old pixel to either side: ONNX <c>Resize</c> with <c>linear</c> and <c>half_pixel</c>, OpenCV's
    /// <c>INTER_LINEAR</c>.
    /// </summary>
    Bilinear,
    /// <summary>
    /// It reaches one new pixel where that is wider: ONNX <c>Resize</c> with <c>antialias</c> and <c>exclude_outside</c>, Pillow's
    /// <c>BILINEAR</c>.
    /// </summary>
    Antialias,
}

/// <summary>Where an input has its channels.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<PictureLayout>))]
public enum PictureLayout
{
    /// <summary>In front of height and width.</summary>
    Nchw,
    /// <summary>Behind them.</summary>
    Nhwc,
}

/// <summary>The order of colours.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<PictureColour>))]
public enum PictureColour
{
    /// <summary>Red, green, blue.</summary>
    Rgb,
    /// <summary>Blue, green, red, as OpenCV reads them.</summary>
    Bgr,
    /// <summary>One value: 0.299 red, 0.587 green, 0.114 blue (ITU-R BT.601, as Pillow and OpenCV have it).</summary>
    Grey,
}
