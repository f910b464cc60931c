using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Devices;

/// <summary>The name of one enrolled agent installation: 1 to 64 of <c>a-z 0-9 -</c>, and the common name of its certificate.</summary>
[JsonConverter(typeof(DeviceId.DeviceIdConverter))]
public readonly record struct DeviceId
{
    private readonly string? _value;

    private DeviceId(string value) => _value = value;

    /// <summary>The text of the id.</summary>
    public string Value => _value ?? throw new InvalidOperationException("This device id was never set.");

    /// <summary>Reads an id, or throws with the rule it broke.</summary>
    /// <exception cref="FormatException"><paramref name="text"/> is not a device id.</exception>
    public static DeviceId Parse(string? text) => TryParse(text, out var id)
        ? id
        : throw new FormatException($"Device id '{text}' is refused: it must be 1 to {Limits.NameLength} of a-z, 0-9 and '-'.");

    /// <summary>Reads an id.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out DeviceId id)
    {
        id = Names.IsName(text) ? new DeviceId(text) : default;
        return id._value is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;

    /// <summary>An id as a JSON string. Public, so that other programs can generate serialization of records that hold an id.</summary>
    public sealed class DeviceIdConverter : JsonConverter<DeviceId>
    {
        /// <inheritdoc/>
        public override DeviceId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => TryParse(reader.GetString(), out var id) ? id : throw new JsonException("A device id must be 1 to 64 of a-z, 0-9 and '-'.");

        /// <inheritdoc/>
        public override void Write(Utf8JsonWriter writer, DeviceId value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.Value);
    }
}
