using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Media;

/// <summary>From shares of a range, 0 for its lower end and 1 for its upper one, to the numbers that a model takes.</summary>
public sealed class ValueScale
{
    private readonly double _low, _width;
    private readonly double[] _mean, _deviation;
    private readonly bool _whole;

    /// <summary>The scale that a preprocessing asks for.</summary>
    /// <exception cref="InvalidDataException">
    /// There is no mean or deviation for each channel, or the input cannot take the numbers.
    /// </exception>
    public ValueScale(Preprocessing spec, (double Low, double High) usual, int channels, MediaInput input)
    {
        (_low, var high) = spec.Range is [var from, var to] ? (from, to) : usual;
        _width = high - _low;
        (_mean, _deviation) = (ForEach(spec.Mean, "mean", channels, 0, input), ForEach(spec.Deviation, "deviation", channels, 1, input));
        Range = [_low, high];
        if (input.WholeNumbers is not { } limits) return;
        _whole = true;
        for (var channel = 0; channel < channels; channel++)
        {
            if (Of(0, channel) < limits.Low || Of(1, channel) > limits.High)
                throw new InvalidDataException(FormattableString.Invariant(
                    $"Input {input} takes whole numbers from {limits.Low} to {limits.High}, and values would reach from {Of(0, channel)} ")
                    + FormattableString.Invariant($"to {Of(1, channel)}: give another range, mean or deviation."));
        }
    }

    /// <summary>What the ends of the range become before mean and deviation.</summary>
    public IReadOnlyList<double> Range { get; }

    /// <summary>The number for a share, in a channel.</summary>
    public float Of(double share, int channel)
    {
        var value = (_low + share * _width - _mean[channel]) / _deviation[channel];
        return (float)(_whole ? Math.Round(value) : value);
    }

    private static double[] ForEach(IReadOnlyList<double>? given, string key, int channels, double usual, MediaInput input) => given switch
    {
        null => [.. Enumerable.Repeat(usual, channels)],
        [var one] => [.. Enumerable.Repeat(one, channels)],
        _ when given.Count == channels => [.. given],
        _ => throw new InvalidDataException($"There are {given.Count} numbers in {key}, and input {input} takes {channels} channels."),
    };
}
