using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>A student's width: a number, or <c>auto</c> for the largest that meets its budget.</summary>
/// <param name="Value">The number; 0 for <c>auto</c>.</param>
[JsonConverter(typeof(StudentWidthConverter))]
public readonly record struct StudentWidth(int Value)
{
    /// <summary>The word for a width that is searched.</summary>
    public const string AutoWord = "auto";

    /// <summary>Searched.</summary>
    public static readonly StudentWidth Auto;

    /// <summary>True when it is searched.</summary>
    public bool IsAuto => this == Auto;

    /// <summary>A width that is given.</summary>
    public static implicit operator StudentWidth(int value) => new(value);

    /// <inheritdoc/>
    public override string ToString() => IsAuto ? AutoWord : Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Reads and writes a width as a number or as <c>auto</c>.</summary>
public sealed class StudentWidthConverter : JsonConverter<StudentWidth>
{
    /// <inheritdoc/>
    public override StudentWidth Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType switch
        {
            JsonTokenType.String when reader.ValueTextEquals(StudentWidth.AutoWord) => StudentWidth.Auto,
            // 0 is how auto is kept inside; written out it is a mistake, and the rules name it with the range.
            JsonTokenType.Number when reader.TryGetInt32(out var width) => width == 0 ? -1 : width,
            _ => throw new JsonException("A width is a whole number or \"auto\"."),
        };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, StudentWidth value, JsonSerializerOptions options)
    {
        if (value.IsAuto) writer.WriteStringValue(StudentWidth.AutoWord);
        else writer.WriteNumberValue(value.Value);
    }
}
