using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>
/// How a stream, rows of a table over time or samples of sound, is cut into the windows that a model takes: the only cut that there is, by
/// which training makes its samples and a device its answers.
/// </summary>
public sealed record WindowForm
{
    /// <summary>Rows of a window, or samples of sound; at least 1.</summary>
    public required int Length { get; init; }

    /// <summary>Rows or samples from one window to the next; at least 1.</summary>
    public required int Step { get; init; }

    /// <summary>
    /// Fewest rows of a stream that a device answers, 1 to <see cref="Length"/>: the fewest that a training window was made of.
    /// </summary>
    public required int Minimum { get; init; }

    /// <summary>What fills a window, and from which end of a stream windows are counted.</summary>
    public required WindowPadding Padding { get; init; }

    /// <summary>What a stream is counted in, for messages.</summary>
    [JsonIgnore]
    public string Unit => Padding == WindowPadding.FirstRow ? "rows" : "samples";

    /// <summary>How many windows a stream makes: at least one, however short it is.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="fewest">Rows that a window holds at least where the stream has them; fewer than its length, and windows at the end that
    /// is counted to are filled too.</param>
    public int Count(int rows, int fewest) => rows <= fewest ? 1 : (rows - fewest) / Step + 1;

    /// <summary>Where a window begins, in rows from the first of the stream; below 0 where it is filled in front.</summary>
    /// <param name="rows">Rows of the stream.</param>
    /// <param name="number">The window, counted from the end of the stream that its padding says, from 0.</param>
    public int Start(int rows, int number) => Padding == WindowPadding.FirstRow ? rows - Length - number * Step : number * Step;

    /// <summary>Where each window of a stream begins, in the order in which they are counted.</summary>
    /// <inheritdoc cref="Count"/>
    public IEnumerable<int> Starts(int rows, int fewest) => Enumerable.Range(0, Count(rows, fewest)).Select(number => Start(rows, number));

    /// <summary>Writes a window of rows, filled with the first one.</summary>
    /// <param name="start">See <see cref="Start"/>.</param>
    /// <param name="channels">Values of a row.</param>
    /// <param name="value">The value of a row and a channel.</param>
    /// <param name="values">Where it goes: channels of <see cref="Length"/> values each.</param>
    public void Write(int start, int channels, Func<int, int, float> value, Span<float> values)
    {
        for (var channel = 0; channel < channels; channel++)
        {
            for (var place = 0; place < Length; place++) values[channel * Length + place] = value(Math.Max(0, start + place), channel);
        }
    }

    /// <summary>The rule that it breaks, in a sentence; null where it keeps to all.</summary>
    internal string? Problem() => Length < 1 || Step < 1 || Minimum < 1 || Minimum > Length
        ? $"Windows of {Length} every {Step}, made of {Minimum} and more, are none: all are at least 1, and the last is at most the first."
        : null;

    /// <summary>Says it to whoever writes an application.</summary>
    internal void Describe(Utf8JsonWriter json)
    {
        json.WriteStartObject("windows"u8);
        json.WriteNumber("length"u8, Length);
        json.WriteNumber("step"u8, Step);
        json.WriteNumber("minimum"u8, Minimum);
        json.WriteString("padding"u8, Padding.ToWords());
        json.WriteNumber("maximumPerRequest"u8, Limits.WindowsPerRequest);
        json.WriteEndObject();
    }
}

/// <summary>What fills a window for which a stream is too short.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<WindowPadding>))]
public enum WindowPadding
{
    /// <summary>
    /// The first row, repeated in front. Windows are counted from the end: the last one ends with the last row, and what is left over at
    /// the beginning makes none.
    /// </summary>
    FirstRow,
    /// <summary>
    /// Zeros behind. Windows are counted from the beginning: the first one begins with the first sample, and what is left over at the end
    /// makes none.
    /// </summary>
    Silence,
}
