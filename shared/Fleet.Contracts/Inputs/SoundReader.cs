using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Media;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// Makes a sample of sound of any length, as training did: what is shorter than the model takes is followed by silence, what is longer is
/// cut behind. It comes as a list of values from -1 to 1, as a list for each channel, or as a WAV file in base64.
/// </summary>
public sealed class SoundReader : IInstanceReader
{
    private readonly Preprocessing _used;
    private readonly int _window, _rate;

    /// <param name="used">Each part of how the training sounds became samples.</param>
    /// <exception cref="InvalidDataException">A part is missing, or the parts do not go together.</exception>
    public SoundReader(Preprocessing used)
    {
        if (used is not { Window: { } window and >= 1 and <= Limits.InferenceRequestBytes, SampleRate: { } rate and >= 1 })
            throw new InvalidDataException("sound becomes samples of a window and a rate, and that is not said.");
        (_used, _window, _rate) = (used, window, rate);
        Plan();
    }

    /// <inheritdoc/>
    public int Width => _window;

    /// <inheritdoc/>
    public IReadOnlyList<string> Read(JsonElement instance, Span<float> values)
    {
        Plan().Prepare(Take(instance).Beginning(_window)).Values.CopyTo(values);
        return [];
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        json.WriteString("kind"u8, "sound"u8);
        json.WriteNumber("sampleRate"u8, _rate);
        json.WriteNumber("window"u8, _window);
    }

    /// <summary>The sound of an instance, all of it.</summary>
    internal Sound Take(JsonElement instance) => instance.ValueKind switch
    {
        JsonValueKind.Array => Listed(instance),
        JsonValueKind.Object when Base64.Of(instance) is { } bytes => SoundFile.Read(new MemoryStream(bytes)),
        _ => throw new FormatException(
            $"it must be sound of {_rate} Hz: a list of values from -1 to 1, or {{\"b64\": WAV OR FLAC FILE}}"),
    };

    /// <summary>How it becomes samples.</summary>
    internal SoundPlan Plan() => SoundPlan.Of(new MediaInput("input", [-1, 1, _window]), _used);

    private Sound Listed(JsonElement list)
    {
        var isOne = list.EnumerateArray().All(part => part.ValueKind == JsonValueKind.Number);
        JsonElement[] channels = isOne ? [list] : [.. list.EnumerateArray()];
        if (channels.Length > Sound.MaximumChannels)
            throw new FormatException($"it has {channels.Length} channels; up to {Sound.MaximumChannels} are taken");
        if (channels is [{ ValueKind: not JsonValueKind.Array }, ..])
            throw new FormatException("it must hold numbers, or a list of numbers for each channel");
        var length = channels.Length > 0 ? channels[0].GetArrayLength() : 0;
        if (length == 0) throw new FormatException("it holds no sound");
        var values = new float[checked(length * channels.Length)];
        foreach (var (channel, part) in channels.Index())
        {
            if (part.ValueKind != JsonValueKind.Array || part.GetArrayLength() != length)
                throw new FormatException($"its channels must be lists of as many values as the first, {length}");
            foreach (var (moment, number) in part.EnumerateArray().Index())
            {
                values[moment * channels.Length + channel]
                    = number.ValueKind == JsonValueKind.Number && number.TryGetSingle(out var value) && float.IsFinite(value) ? value
                        : throw new FormatException($"it holds {Limits.Detail(number.GetRawText(), 40)} where a number is needed");
            }
        }
        return new Sound(_rate, channels.Length, values);
    }
}
