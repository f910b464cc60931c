using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts;

/// <summary>A value that people and JSON write in one word, such as <c>LAYER=BITS</c>; its <c>ToString</c> writes it.</summary>
/// <typeparam name="T">The value's own type.</typeparam>
public interface IWrittenAsText<T>
    where T : class, IWrittenAsText<T>
{
    /// <summary>How it is written, as a sentence that ends a complaint.</summary>
    static abstract string Rule { get; }

    /// <summary>Reads what was written; false where it is not of that form.</summary>
    static abstract bool TryParse(string? text, [NotNullWhen(true)] out T? value);
}

/// <summary>Reads and writes a value as the text that people write.</summary>
/// <typeparam name="T">The value.</typeparam>
public sealed class WrittenAsTextConverter<T> : JsonConverter<T>
    where T : class, IWrittenAsText<T>
{
    /// <inheritdoc/>
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.String && T.TryParse(reader.GetString(), out var value)
            ? value : throw new JsonException(T.Rule);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
