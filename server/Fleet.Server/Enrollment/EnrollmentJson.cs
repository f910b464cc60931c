using System.Text.Json.Serialization;

namespace Fleet.Server.Enrollment;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StoredToken))]
[JsonSerializable(typeof(DeviceCertificate))]
[JsonSerializable(typeof(PendingEnrollment))]
internal sealed partial class EnrollmentJson : JsonSerializerContext;
