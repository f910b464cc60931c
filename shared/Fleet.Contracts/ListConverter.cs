using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Fleet.Contracts;

/// <summary>
/// A list none of whose elements is null. The serializer refuses <c>"models": null</c> by itself but takes <c>"models": [null]</c>,
/// which would fail far from here, in whoever reads the list. <see cref="FleetJson"/> and
/// <see cref="WireJson"/> register one for every element type that is a reference; a test holds them to that.
/// </summary>
/// <typeparam name="T">Type of the elements.</typeparam>
public sealed class ListConverter<T> : JsonConverter<IReadOnlyList<T>>
    where T : class
{
    /// <inheritdoc/>
    public override IReadOnlyList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException($"A list of {typeof(T).Name} is expected here.");
        var element = (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
        var list = new List<T>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            list.Add(JsonSerializer.Deserialize(ref reader, element)
                ?? throw new JsonException($"Element {list.Count} of a list of {typeof(T).Name} is null."));
        return list;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<T> value, JsonSerializerOptions options)
    {
        var element = (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
        writer.WriteStartArray();
        foreach (var item in value) JsonSerializer.Serialize(writer, item, element);
        writer.WriteEndArray();
    }
}
