using System.IO.Compression;

namespace Fleet.Contracts.Tensors;

/// <summary>NumPy's npz: a zip of npy files by name.</summary>
public static class NpzArchive
{
    private const string Extension = ".npy";

    /// <summary>Reads every array of an archive.</summary>
    /// <param name="stream">The archive, seekable.</param>
    /// <param name="maximumBytes">Most bytes the arrays may unpack to: a small archive can hold a very large one.</param>
    /// <exception cref="FormatException">It is not an npz, or larger than allowed.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Read(Stream stream, long maximumBytes) => Read(stream, maximumBytes, null);

    /// <summary>Reads every array of an archive, those of words apart.</summary>
    /// <param name="stream">The archive, seekable.</param>
    /// <param name="maximumBytes">Most bytes the arrays may unpack to.</param>
    /// <param name="words">Where arrays of words go; null where none are awaited.</param>
    /// <inheritdoc cref="Read(Stream, long)" path="/exception"/>
    public static IReadOnlyDictionary<string, NpyArray> Read(
        Stream stream, long maximumBytes, IDictionary<string, IReadOnlyList<string>>? words)
    {
        var arrays = new Dictionary<string, NpyArray>();
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            foreach (var entry in archive.Entries.Where(entry => entry.Name.EndsWith(Extension, StringComparison.Ordinal)))
            {
                // The length in the zip's directory is a claim; the copy below stops at it whatever follows.
                // A claim of more than 1032 times the packed bytes is a lie: deflate packs no better (https://zlib.net/zlib_tech.html).
                if (entry.Length / 1032 > Math.Min(entry.CompressedLength, stream.Length))
                    throw new FormatException(
                        $"Array {entry.Name} claims {entry.Length} bytes out of {entry.CompressedLength} packed ones.");
                if (entry.Length > Math.Min(maximumBytes, Array.MaxLength))
                    throw new FormatException($"Array {entry.Name} unpacks to {entry.Length} bytes; {maximumBytes} are allowed.");
                maximumBytes -= entry.Length;
                var bytes = new byte[entry.Length];
                using (var content = entry.Open()) content.ReadExactly(bytes);
                var name = entry.FullName[..^Extension.Length];
                if (words is not null && NpyWords.TryParse(bytes) is { } spelled) words[name] = spelled;
                else arrays[name] = NpyArray.Parse(bytes);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new FormatException($"This is not a readable npz archive: {e.Message}", e);
        }
        return arrays;
    }

    /// <summary>Writes arrays as an archive whose bytes depend on the arrays alone.</summary>
    public static void Write(Stream stream, IEnumerable<KeyValuePair<string, NpyArray>> arrays)
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, array) in arrays)
        {
            var entry = archive.CreateEntry(name + Extension, CompressionLevel.Optimal);
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
            using var content = entry.Open();
            content.Write(array.ToFile());
        }
    }
}
