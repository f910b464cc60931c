using System.Text.Json;
using Fleet.Platform;

namespace Fleet.Server.Artifacts;

/// <summary>
/// Since when each artifact is known to be unused. Kept beside the files and not in the database: where an older database is put back, the
/// files that were in use until then begin their time anew.
/// </summary>
internal static class UnusedArtifacts
{
    private const string FileName = "unused.json";

    /// <summary>What was known at the last look; nothing where the file is missing or damaged, which only keeps things longer.</summary>
    public static IReadOnlyDictionary<string, DateTimeOffset> Read(string folder)
    {
        try
        {
            return DurableFile.Read(Path.Combine(folder, FileName)) is { } bytes
                && JsonSerializer.Deserialize(bytes, ArtifactsJson.Default.DictionaryStringDateTimeOffset) is { } known
                ? known
                : new Dictionary<string, DateTimeOffset>();
        }
        catch (JsonException)
        {
            return new Dictionary<string, DateTimeOffset>();
        }
    }

    /// <summary>Keeps what is known.</summary>
    public static void Write(string folder, IReadOnlyDictionary<string, DateTimeOffset> known)
        => DurableFile.Write(
            Path.Combine(folder, FileName),
            JsonSerializer.SerializeToUtf8Bytes(
                new Dictionary<string, DateTimeOffset>(known), ArtifactsJson.Default.DictionaryStringDateTimeOffset));
}
