using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// Takes rows of a table over time: a list of rows, each a list of the channels' numbers or an object with a key for each channel. One
/// window may also come as tensors do: all numbers in one list, or a list for each channel, alone or in one more list.
/// </summary>
public sealed class SeriesReader : IStreamReader
{
    private readonly IReadOnlyList<string> _channels;
    private readonly Dictionary<string, int> _places;
    private readonly NumbersReader _window;

    /// <param name="form">Its channels.</param>
    /// <param name="windows">How rows are cut.</param>
    public SeriesReader(SeriesForm form, WindowForm windows)
    {
        (_channels, Windows) = (form.Channels, windows);
        _places = _channels.Index().ToDictionary(channel => channel.Item, channel => channel.Index, StringComparer.Ordinal);
        _window = new NumbersReader([_channels.Count, windows.Length]);
    }

    /// <inheritdoc/>
    public WindowForm Windows { get; }

    /// <inheritdoc/>
    public int Width => _window.Width;

    /// <inheritdoc/>
    public StreamInstance Open(JsonElement instance)
    {
        var (width, length) = (_channels.Count, Windows.Length);
        if (instance.ValueKind != JsonValueKind.Array) throw new FormatException($"it must be {Rows()}");
        var count = instance.GetArrayLength();
        if (count == 0) throw new FormatException("it holds no rows");
        var first = instance[0];
        // Rows hold no lists of lists: it is a tensor, of a model whose input has one more axis (data.sampleShape).
        if (count == 1 && first.ValueKind == JsonValueKind.Array && first.GetArrayLength() == width
            && first[0].ValueKind == JsonValueKind.Array) return Tensor(first);
        var inner = first.ValueKind == JsonValueKind.Array ? first.GetArrayLength() : -1;
        if (width > 1 && length > 1 && (count, inner) == (width, length) && width == length)
            throw new FormatException($"it is {width} lists of {width} numbers, which may be rows or channels: send rows as objects, "
                + $"{Example()}, or {Width} numbers in one list, channel by channel");
        if (inner != width && (count, inner) == (width, length) || first.ValueKind == JsonValueKind.Number && width > 1 && count == Width)
            return Tensor(instance);
        // Before memory is taken for what the first row promises.
        foreach (var (place, row) in instance.EnumerateArray().Index())
        {
            var fits = row.ValueKind switch
            {
                JsonValueKind.Array => row.GetArrayLength() == width,
                JsonValueKind.Object => row.GetPropertyCount() >= width,
                _ => row.ValueKind == JsonValueKind.Number && width == 1,
            };
            if (!fits) throw new FormatException($"row {place} is not one of {width} numbers: it must be {Rows()}");
        }
        var rows = new float[checked(count * width)];
        foreach (var (place, row) in instance.EnumerateArray().Index()) Read(row, place, rows.AsSpan(place * width, width));
        return new StreamInstance(Windows, count, width, 1,
            (start, values) => Windows.Write(start, width, (row, channel) => rows[row * width + channel], values));
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        json.WriteString("kind"u8, "series"u8);
        json.WriteStartArray("channels"u8);
        foreach (var channel in _channels) json.WriteStringValue(channel);
        json.WriteEndArray();
        Windows.Describe(json);
    }

    private StreamInstance Tensor(JsonElement instance)
    {
        var window = new float[Width];
        _window.Read(instance, window);
        return new StreamInstance(Windows, Windows.Length, _channels.Count, 1, (_, values) => window.CopyTo(values));
    }

    // Keys that are no channels are passed over, so that a whole record may be sent.
    private void Read(JsonElement row, int place, Span<float> values)
    {
        if (row.ValueKind == JsonValueKind.Number) values[0] = NumbersReader.Number(row);
        else if (row.ValueKind == JsonValueKind.Array)
        {
            foreach (var (channel, number) in row.EnumerateArray().Index()) values[channel] = NumbersReader.Number(number);
        }
        else
        {
            values.Fill(float.NaN);
            foreach (var property in row.EnumerateObject())
            {
                if (!_places.TryGetValue(property.Name, out var channel)) continue;
                if (!float.IsNaN(values[channel])) throw new FormatException($"row {place} has channel '{property.Name}' twice");
                values[channel] = NumbersReader.Number(property.Value);
            }
            if (values.IndexOf(float.NaN) is >= 0 and var absent)
                throw new FormatException($"row {place} has no value for '{_channels[absent]}'");
        }
    }

    private string Rows()
        => $"rows of numbers in the order of the channels, [[...], ...], or with a key for each, {Example()}"
            + (_channels.Count == 1 ? ", or numbers alone" : $"; one window also as {_channels.Count} lists of {Windows.Length}");

    private string Example()
        => "[{" + string.Join(", ", _channels.Take(2).Select(channel => $"\"{channel}\": 1.5"))
            + (_channels.Count > 2 ? ", ...}, ...]" : "}, ...]");
}
