using System.Text.Json.Serialization;

namespace Fleet.Server.Access;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ApiKey))]
[JsonSerializable(typeof(AuditEntry))]
internal sealed partial class AccessJson : JsonSerializerContext;
