using System.Text.Json;

namespace Fleet.Contracts.Inputs;

/// <summary>Makes a sample of a text: the numbers of its pieces, cut or filled up to the length that the model takes.</summary>
/// <param name="form">How.</param>
public sealed class SentenceReader(TextForm form) : IInstanceReader
{
    /// <inheritdoc/>
    public int Width => form.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Read(JsonElement instance, Span<float> values)
    {
        if (instance.ValueKind != JsonValueKind.String) throw new FormatException("it must be a text, as \"turn on the light\"");
        form.Vocabulary.Encode(instance.GetString()!, values);
        return [];
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        json.WriteString("kind"u8, "text"u8);
        json.WriteNumber("maximumLength"u8, form.Length);
    }
}
