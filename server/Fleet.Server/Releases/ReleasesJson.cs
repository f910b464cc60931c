using System.Text.Json.Serialization;

namespace Fleet.Server.Releases;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Release))]
[JsonSerializable(typeof(Model))]
[JsonSerializable(typeof(Withdrawal))]
internal sealed partial class ReleasesJson : JsonSerializerContext;
