using System.Text.Json;

namespace Fleet.Agent.Inference;

/// <summary>Steps through JSON with sentences for what does not belong there.</summary>
internal static class Json
{
    /// <summary>Axes a tensor may have; ONNX models in use have at most six.</summary>
    public const int MaximumRank = 16;

    /// <summary>Moves to the next token, which must be <paramref name="token"/>.</summary>
    public static void Begin(ref Utf8JsonReader reader, JsonTokenType token, string what)
    {
        if (!reader.Read()) throw InferenceException.Malformed($"{what} is missing.");
        Expect(ref reader, token, what);
    }

    /// <summary>Refuses when the reader does not stand on <paramref name="token"/>.</summary>
    public static void Expect(ref Utf8JsonReader reader, JsonTokenType token, string what)
    {
        if (reader.TokenType == token) return;
        var wanted = token == JsonTokenType.StartObject ? "an object" : "an array";
        throw InferenceException.Malformed($"{what} must be {wanted}, not {Kind(reader.TokenType)}.");
    }

    /// <summary>Moves to the next property of an object; false at its end.</summary>
    public static bool NextProperty(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

    /// <summary>Passes over the value of the property the reader stands on.</summary>
    public static void SkipValue(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    /// <summary>A string value.</summary>
    public static string Text(ref Utf8JsonReader reader, string what)
        => reader.Read() && reader.TokenType == JsonTokenType.String
            ? reader.GetString()!
            : throw InferenceException.Malformed($"{what} must be a string, not {Kind(reader.TokenType)}.");

    /// <summary>A whole number.</summary>
    public static long Integer(ref Utf8JsonReader reader, string what)
        => reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value)
            ? value
            : throw InferenceException.Malformed($"{what} must be a whole number.");

    /// <summary>True or false.</summary>
    public static bool Truth(ref Utf8JsonReader reader, string what)
        => reader.Read() && reader.TokenType is JsonTokenType.True or JsonTokenType.False
            ? reader.TokenType == JsonTokenType.True
            : throw InferenceException.Malformed($"{what} must be true or false.");

    /// <summary>The extents of a tensor.</summary>
    public static long[] Shape(ref Utf8JsonReader reader)
    {
        Begin(ref reader, JsonTokenType.StartArray, "shape");
        var shape = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var extent) || extent < 0)
                throw InferenceException.Malformed("shape must hold whole numbers that are not negative.");
            if (shape.Count == MaximumRank) throw InferenceException.Malformed($"shape has more than {MaximumRank} extents.");
            shape.Add(extent);
        }
        return [.. shape];
    }

    /// <summary>What a token is, in a sentence.</summary>
    public static string Kind(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a truth value",
        JsonTokenType.Null => "null",
        _ => "that",
    };
}
