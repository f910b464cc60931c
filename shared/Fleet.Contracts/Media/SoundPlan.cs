using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Media;

/// <summary>How sound becomes one input of a model: windows of its length, one after the other.</summary>
public sealed class SoundPlan
{
    /// <summary>Most values of all windows of one file, 1 GiB: windows that overlap are larger than their file.</summary>
    private const long MaximumValues = 256L << 20;

    private readonly ValueScale _scale;
    private readonly int _channels;
    private readonly bool _isLast, _hasAxis;

    private SoundPlan(Preprocessing used, ValueScale scale, int channels, bool hasAxis, bool isLast)
        => (Used, _scale, _channels, _hasAxis, _isLast) = (used, scale, channels, hasAxis, isLast);

    /// <summary>Each part that is used; the rate is that of the first file.</summary>
    public Preprocessing Used { get; private set; }

    /// <summary>The plan for an input: (length), (batch, length), (batch, channels, length) or (batch, length, channels).</summary>
    /// <inheritdoc cref="PicturePlan.Of"/>
    public static SoundPlan Of(MediaInput input, Preprocessing asked)
    {
        int[] extents = [.. input.Extents.Skip(input.Extents.Count > 1 ? 1 : 0)];
        var isLast = extents is [not (1 or 2), 1 or 2];
        var (channels, length) = extents switch
        {
            [var only] => (1, only),
            [1 or 2, var last] => (extents[0], last),
            [var first, 1 or 2] => (extents[1], first),
            _ => throw new InvalidDataException($"Input {input} does not take sound as files hold it, one length and 1 or 2 channels. What "
                + "is computed of sound, such as mel bands, is given as npz or npy."),
        };
        if (input.Extents is [> 1, _, ..])
            throw new InvalidDataException($"Input {input} takes {input.Extents[0]} at once; export the model for one, or for any number.");
        if (length > 0 && asked.Window is { } window && window != length)
            throw new InvalidDataException($"window {window} was asked, and input {input} takes {length} samples alone.");
        var scale = new ValueScale(asked, (-1, 1), channels, input);
        var taken = length > 0 ? length : asked.Window;
        return new SoundPlan(
            new Preprocessing
            {
                Mean = asked.Mean,
                Deviation = asked.Deviation,
                Range = scale.Range,
                SampleRate = asked.SampleRate,
                Window = taken,
                Hop = asked.Hop ?? taken,
            }, scale, channels, extents.Length == 2, isLast);
    }

    /// <summary>How a file of so many samples a channel is cut.</summary>
    public WindowForm WindowsFor(int length)
    {
        var window = Used.Window ?? length;
        return new WindowForm { Length = window, Step = Used.Hop ?? window, Minimum = 1, Padding = WindowPadding.Silence };
    }

    /// <summary>How many windows a file of so many samples a channel makes.</summary>
    public int WindowsOf(int length)
    {
        var windows = WindowsFor(length);
        return windows.Count(length, windows.Length);
    }

    /// <summary>Takes a file: its rate is that of all.</summary>
    /// <exception cref="FormatException">Its rate is another one, or it has too few channels.</exception>
    public void Check(Sound sound)
    {
        if (Used.SampleRate is { } rate && rate != sound.SampleRate)
            throw new FormatException($"The sound has {sound.SampleRate} Hz, and {rate} were asked or are those of the first file: convert "
                + $"it to {rate} Hz.");
        Used = Used with { SampleRate = sound.SampleRate };
        if (sound.Channels < _channels) throw new FormatException("The sound has 1 channel, and the model takes 2: convert it.");
    }

    /// <summary>
    /// The windows of one file. What is shorter than a window is followed by silence; what is left over at the end is left out.
    /// </summary>
    /// <exception cref="FormatException">Its rate is another one, it has too few channels, or its windows would be too many.</exception>
    public PreparedSamples Prepare(Sound sound)
    {
        Check(sound);
        var windows = WindowsFor(sound.Length);
        var (window, count) = (windows.Length, windows.Count(sound.Length, windows.Length));
        if ((long)count * window * _channels > MaximumValues)
            throw new FormatException($"The sound makes {count:N0} windows of {window:N0} samples, {MaximumValues:N0} values at most are "
                + "made: give a larger hop, or cut it into shorter files.");
        var values = new float[count * window * _channels];
        foreach (var (number, start) in windows.Starts(sound.Length, window).Index())
            Write(sound, start, values.AsSpan(number * window * _channels, window * _channels));
        return new PreparedSamples(values, !_hasAxis ? [count, window] : _isLast ? [count, window, _channels] : [count, _channels, window]);
    }

    /// <summary>Writes one window of a file; what is behind its end is silence.</summary>
    /// <param name="sound">The file, which was checked.</param>
    /// <param name="start">Where the window begins.</param>
    /// <param name="values">Where it goes, all of its values.</param>
    public void Write(Sound sound, int start, Span<float> values)
    {
        var (at, window) = (0, values.Length / _channels);
        for (var outer = 0; outer < (_isLast ? window : _channels); outer++)
        {
            for (var inner = 0; inner < (_isLast ? _channels : window); inner++)
            {
                var (channel, moment) = _isLast ? (inner, start + outer) : (outer, start + inner);
                values[at++] = _scale.Of((Value(sound, moment, channel) + 1) / 2, channel);
            }
        }
    }

    /// <summary>One channel of a moment: their mean where the model takes fewer than there are; silence behind the end.</summary>
    private double Value(Sound sound, int moment, int channel)
    {
        if (moment >= sound.Length) return 0;
        var values = sound.Values.AsSpan(moment * sound.Channels, sound.Channels);
        if (_channels == sound.Channels) return values[channel];
        var sum = 0.0;
        foreach (var value in values) sum += value;
        return sum / values.Length;
    }
}
