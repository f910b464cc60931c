using System.Text.Json.Serialization;

namespace Fleet.Server.Access;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ApiKey))]
[JsonSerializable(typeof(Session))]
internal sealed partial class AccessJson : JsonSerializerContext;
