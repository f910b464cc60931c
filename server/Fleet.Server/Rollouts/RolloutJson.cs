using System.Text.Json.Serialization;

namespace Fleet.Server.Rollouts;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(Rollout))]
[JsonSerializable(typeof(RolloutMembers))]
[JsonSerializable(typeof(OpenRollout))]
[JsonSerializable(typeof(DeviceRollout))]
[JsonSerializable(typeof(CanaryRecord))]
[JsonSerializable(typeof(PendingReturn))]
[JsonSerializable(typeof(FetchedBytes))]
internal sealed partial class RolloutJson : JsonSerializerContext;
