using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts;

/// <summary>
/// Enum values by name in camelCase: names survive reordering, numbers do not. One name and nothing else: .NET's own converter takes
/// <c>stretch,crop</c> for the value whose number has the bits of both.
/// </summary>
public sealed class CamelCaseEnumConverter<T> : JsonConverter<T> where T : struct, Enum
{
    /// <summary>Most characters of a refused value that are repeated.</summary>
    private const int MostRepeated = 64;

    private static readonly T[] Values = Enum.GetValues<T>();

    private static readonly string[] Words = [.. Values.Select(value => JsonNamingPolicy.CamelCase.ConvertName(value.ToString()))];

    /// <inheritdoc/>
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.String
            ? ValueOf(reader.GetString()!)
            : throw new JsonException($"A text is expected, one of {string.Join(", ", Words)}.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(WordOf(value));

    /// <inheritdoc/>
    public override T ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => ValueOf(reader.GetString()!);

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
        => writer.WritePropertyName(WordOf(value));

    /// <summary>Capitals do not matter, as they never did.</summary>
    private static T ValueOf(string text)
    {
        var at = Array.FindIndex(Words, word => word.Equals(text, StringComparison.OrdinalIgnoreCase));
        return at >= 0 ? Values[at] : throw new JsonException(
            $"'{(text.Length > MostRepeated ? text[..MostRepeated] + "..." : text)}' is not one of {string.Join(", ", Words)}.");
    }

    private static string WordOf(T value)
        => Array.IndexOf(Values, value) is var at && at >= 0
            ? Words[at] : throw new JsonException($"{typeof(T).Name} has no value {value:D}.");
}
