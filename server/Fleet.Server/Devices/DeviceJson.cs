using System.Text.Json.Serialization;

namespace Fleet.Server.Devices;

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Device))]
[JsonSerializable(typeof(DeviceDesired))]
[JsonSerializable(typeof(DeviceReported))]
[JsonSerializable(typeof(DeviceSeen))]
[JsonSerializable(typeof(ImportedReport))]
[JsonSerializable(typeof(ReleasedProfile))]
[JsonSerializable(typeof(AnnouncedMove))]
[JsonSerializable(typeof(DeviceTiming))]
internal sealed partial class DeviceJson : JsonSerializerContext;
