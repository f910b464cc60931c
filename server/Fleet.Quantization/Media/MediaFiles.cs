namespace Fleet.Quantization.Media;

/// <summary>Which files hold pictures and sound, by the ends of their names. Training and quantizing read the same ones.</summary>
internal static class MediaFiles
{
    /// <summary>What is read, for messages and help.</summary>
    public const string Forms = "PNG, JPEG, PGM, PPM, WAV and FLAC";

    private static readonly HashSet<string> Pictures = new(StringComparer.OrdinalIgnoreCase) { ".png", ".jpg", ".jpeg", ".pgm", ".ppm" };
    private static readonly HashSet<string> Sounds = new(StringComparer.OrdinalIgnoreCase) { ".wav", ".flac" };

    // Passed over in silence they would be samples that someone believes were used.
    private static readonly HashSet<string> OtherPictures = new(StringComparer.OrdinalIgnoreCase)
    {
        ".bmp", ".gif", ".webp", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".jxl", ".pbm", ".tga",
    };

    private static readonly HashSet<string> OtherSounds = new(StringComparer.OrdinalIgnoreCase)
    {
        ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma",
    };

    /// <summary>True for a picture that is read.</summary>
    public static bool IsPicture(string path) => Pictures.Contains(Path.GetExtension(path));

    /// <summary>True for sound that is read.</summary>
    public static bool IsSound(string path) => Sounds.Contains(Path.GetExtension(path));

    /// <summary>What helps with a file that holds pictures or sound in a form that is not read; null for any other file.</summary>
    public static string? RemedyFor(string path) => Path.GetExtension(path) switch
    {
        var end when OtherPictures.Contains(end) =>
            $"pictures are read from PNG, JPEG, PGM and PPM, not from {end}: convert it, or move it away.",
        var end when OtherSounds.Contains(end) => $"sound is read from WAV and FLAC, not from {end}: convert it, or move it away.",
        _ => null,
    };
}
