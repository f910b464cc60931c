using System.Text.Json.Serialization;

namespace Fleet.Agent.Enrollment;

/// <summary>Generated serialization of the identity file.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(Identity))]
internal sealed partial class IdentityJson : JsonSerializerContext;
