namespace Fleet.Contracts.Media;

/// <summary>Sound as it was read.</summary>
/// <param name="SampleRate">Samples a second.</param>
/// <param name="Channels">Channels side by side.</param>
/// <param name="Values">From -1 to 1, the channels of a moment beside each other.</param>
public sealed record Sound(int SampleRate, int Channels, float[] Values)
{
    /// <summary>Most values of one file: 70 minutes of one channel at 16 kHz, and 256 MiB.</summary>
    public const int MaximumValues = 64 << 20;

    /// <summary>Most channels.</summary>
    public const int MaximumChannels = 8;

    /// <summary>Moments.</summary>
    public int Length => Values.Length / Channels;

    /// <summary>Its first moments, or all where there are fewer.</summary>
    public Sound Beginning(int length) => Length <= length ? this : this with { Values = Values[..(length * Channels)] };
}
