using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>State that a model carries from sample to sample. People write it <c>IN=OUT</c>, and so does JSON.</summary>
/// <param name="Input">The input that takes the state.</param>
/// <param name="Output">The output that gives its next value.</param>
[JsonConverter(typeof(StatePairConverter))]
public sealed record StatePair(string Input, string Output)
{
    /// <summary>How it is written, for messages.</summary>
    public const string Form = "IN=OUT, an input and the output that gives its next value";

    /// <summary>Reads what a person wrote.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out StatePair? pair)
    {
        pair = text?.Split('=') is [{ Length: > 0 } input, { Length: > 0 } output] ? new StatePair(input, output) : null;
        return pair is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Input}={Output}";
}

/// <summary>Reads and writes a pair as <c>IN=OUT</c>.</summary>
public sealed class StatePairConverter : JsonConverter<StatePair>
{
    /// <inheritdoc/>
    public override StatePair Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.String && StatePair.TryParse(reader.GetString(), out var pair)
            ? pair : throw new JsonException($"State is written as {StatePair.Form}.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, StatePair value, JsonSerializerOptions options)
        => writer.WriteStringValue(value.ToString());
}
