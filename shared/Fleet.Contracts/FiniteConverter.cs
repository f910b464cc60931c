using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts;

/// <summary>
/// A number that is one. <c>1e999</c> is valid JSON and reads as infinity, which cannot be written again: one such figure of one
/// device would break every answer that repeats it.
/// </summary>
public sealed class FiniteConverter : JsonConverter<double>
{
    /// <inheritdoc/>
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.GetDouble() is var value && double.IsFinite(value)
            ? value
            : throw new JsonException("A number is larger than can be kept.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}
