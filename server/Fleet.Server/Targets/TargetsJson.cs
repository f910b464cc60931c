using System.Text.Json.Serialization;

namespace Fleet.Server.Targets;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Target))]
[JsonSerializable(typeof(Pin))]
internal sealed partial class TargetsJson : JsonSerializerContext;
