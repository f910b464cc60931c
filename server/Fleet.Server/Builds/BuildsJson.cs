using System.Text.Json.Serialization;

namespace Fleet.Server.Builds;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(Build))]
[JsonSerializable(typeof(OpenBuild))]
internal sealed partial class BuildsJson : JsonSerializerContext;
