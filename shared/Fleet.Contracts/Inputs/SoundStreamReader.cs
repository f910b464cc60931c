using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>Takes what <see cref="SoundReader"/> takes and cuts it into windows, as training did.</summary>
public sealed class SoundStreamReader : IStreamReader
{
    private readonly SoundReader _sounds;
    private readonly int _rate;

    /// <param name="used">Each part of how the training sounds became samples.</param>
    /// <param name="windows">How they were cut.</param>
    /// <exception cref="InvalidDataException">A part is missing, or the parts do not go together.</exception>
    public SoundStreamReader(Preprocessing used, WindowForm windows)
    {
        (_sounds, Windows, _rate) = (new SoundReader(used), windows, used.SampleRate!.Value);
        if ((windows.Length, windows.Step) != (used.Window, used.Hop ?? used.Window))
            throw new InvalidDataException($"windows of {windows.Length} every {windows.Step} are not those of the sound, {used.Window} "
                + $"every {used.Hop ?? used.Window}.");
    }

    /// <inheritdoc/>
    public WindowForm Windows { get; }

    /// <inheritdoc/>
    public int Width => _sounds.Width;

    /// <inheritdoc/>
    public StreamInstance Open(JsonElement instance)
    {
        var (sound, plan) = (_sounds.Take(instance), _sounds.Plan());
        plan.Check(sound);
        return new StreamInstance(Windows, sound.Length, sound.Channels, _rate, (start, values) => plan.Write(sound, start, values));
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json)
    {
        _sounds.Describe(json);
        Windows.Describe(json);
    }
}
