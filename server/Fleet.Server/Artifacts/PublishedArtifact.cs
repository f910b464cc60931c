using System.Text.Json.Serialization;

namespace Fleet.Server.Artifacts;

/// <summary>Marks an artifact that a release names, under its digest: only these may be served to devices.</summary>
/// <param name="Name">File name for people.</param>
/// <param name="Bytes">Length.</param>
internal sealed record PublishedArtifact(string Name, long Bytes);

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PublishedArtifact))]
internal sealed partial class ArtifactsJson : JsonSerializerContext;
