using System.Text.Json;

namespace Fleet.Cli.Demo;

/// <summary>The small file by which a server or an agent says where it listens.</summary>
internal static class Endpoints
{
    public const string FileName = "endpoints.json";

    /// <summary>Reads it; null while it is not there.</summary>
    public static IReadOnlyDictionary<string, string>? Read(string file)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return json.RootElement.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.String).ToDictionary(
                property => property.Name, property => property.Value.GetString()!);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }
}
