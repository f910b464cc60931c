using System.IO.Compression;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>Bytes of a data file, unpacked where it is gzip, with a maximum and with errors that name the file.</summary>
internal static class DataFiles
{
    /// <summary>Most bytes a file may have, unpacked: what one array can hold.</summary>
    public const int MaximumBytes = 0x7fff_0000;

    /// <summary>Bytes that say what a file holds: no header of a first version of npy is longer.</summary>
    private const int BeginningBytes = 10 + ushort.MaxValue;

    /// <summary>A file to be read from its beginning on, unpacked where it is gzip.</summary>
    public static Stream Open(string path)
    {
        var file = File.OpenRead(path);
        return IsGzip(file) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>All bytes of a file.</summary>
    /// <exception cref="BuildException">It cannot be read, or has more than <see cref="MaximumBytes"/>.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (!IsGzip(file)) return file.Length <= MaximumBytes ? File.ReadAllBytes(path) : throw TooLarge(path);
            using var unpacked = new MemoryStream();
            using var gzip = new GZipStream(file, CompressionMode.Decompress);
            var buffer = new byte[81920];
            for (int count; (count = gzip.Read(buffer)) > 0;)
            {
                if (unpacked.Length + count > MaximumBytes) throw TooLarge(path);
                unpacked.Write(buffer, 0, count);
            }
            return unpacked.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>
    /// The files that a path names, in order of their names: all that match where its last part has <c>*</c> or <c>?</c>; else itself,
    /// where it exists.
    /// </summary>
    public static IReadOnlyList<string> Each(string path)
    {
        if (Path.Exists(path)) return [path];
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        return SpecFiles.IsPattern(path) && Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, Path.GetFileName(path)).Order(StringComparer.Ordinal)]
            : [];
    }

    /// <summary>The first bytes of a file, unpacked where it is gzip, without a byte order mark of UTF-8.</summary>
    public static ReadOnlySpan<byte> Beginning(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            using Stream bytes = IsGzip(file) ? new GZipStream(file, CompressionMode.Decompress) : file;
            var begin = new byte[BeginningBytes];
            return WithoutMark(begin.AsSpan(0, bytes.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Text without the byte order mark of UTF-8 that it may begin with.</summary>
    public static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> text)
        => text.StartsWith("\ufeff"u8) ? text["\ufeff"u8.Length..] : text;

    /// <summary>The sentence for a file that cannot be opened.</summary>
    public static BuildException Unreadable(string path, Exception cause) => cause is FileNotFoundException or DirectoryNotFoundException
        ? new BuildException($"Data file {path} does not exist on {Environment.MachineName}, which reads it.", cause)
        : new BuildException($"Data file {path} cannot be read: {cause.Message}", cause);

    private static BuildException TooLarge(string path)
        => new($"Data file {path} is larger than {MaximumBytes:N0} bytes unpacked; split it or lower the resolution.");

    private static bool IsGzip(FileStream file)
    {
        Span<byte> magic = stackalloc byte[2];
        var read = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false);
        file.Position = 0;
        return read == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    }
}
