using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Validation;

/// <summary>A <see cref="TimeSpan"/> as a number of milliseconds: the unit is in the type here, in the name on the wire.</summary>
public sealed class MillisecondsConverter : JsonConverter<TimeSpan>
{
    /// <inheritdoc/>
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var milliseconds = reader.GetDouble();
        // What the longest span of all is written as.
        if (milliseconds == TimeSpan.MaxValue.TotalMilliseconds) return TimeSpan.MaxValue;
        return Math.Abs(milliseconds) < TimeSpan.MaxValue.TotalMilliseconds
            ? TimeSpan.FromTicks((long)Math.Round(milliseconds * TimeSpan.TicksPerMillisecond))
            : throw new JsonException($"{milliseconds} milliseconds is not a time span.");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options)
        => writer.WriteNumberValue(value.TotalMilliseconds);
}
