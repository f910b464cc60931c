using System.Text.Json.Serialization;

namespace Fleet.Server.Artifacts;

/// <summary>Marks an artifact that a release names, under its digest: only these may be served to devices.</summary>
/// <param name="Name">File name for people.</param>
/// <param name="Bytes">Length.</param>
internal sealed record PublishedArtifact(string Name, long Bytes);

/// <summary>What the audit trail says of an artifact that was removed.</summary>
internal sealed record RemovedArtifact(long Bytes, DateTimeOffset WrittenAt, DateTimeOffset? UnusedSince);

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PublishedArtifact))]
[JsonSerializable(typeof(Dictionary<string, DateTimeOffset>))]
[JsonSerializable(typeof(RemovedArtifact))]
internal sealed partial class ArtifactsJson : JsonSerializerContext;
