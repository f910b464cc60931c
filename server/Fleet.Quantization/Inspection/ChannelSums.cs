using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Inspection;

/// <summary>What two models give for one value, channel by channel: sums from which signal, noise and a change of scale follow.</summary>
/// <param name="ofConvolution">Whether a convolution makes the value: its channels are the second axis at any rank.</param>
internal sealed class ChannelSums(bool ofConvolution)
{
    /// <summary>Decibels that a scale of its own for each channel must win before a change of scale is believed.</summary>
    private const double SmallestGain = 6;

    /// <summary>Scales within this factor of 1 are no change: rounding makes as much.</summary>
    private const double SmallestChange = 1.25;

    private readonly List<double> _signal = [], _product = [], _other = [], _largest = [];
    private double _noise;

    /// <summary>The largest magnitude of each channel of the first model.</summary>
    public IReadOnlyList<double> Largest => _largest;

    /// <summary>The smallest value of the first model.</summary>
    public double Minimum { get; private set; } = double.PositiveInfinity;

    /// <summary>The largest value of the first model.</summary>
    public double Maximum { get; private set; } = double.NegativeInfinity;

    /// <summary>Axes behind the channels.</summary>
    public int AxesBehind { get; private set; }

    /// <summary>Adds the values of one sample.</summary>
    /// <param name="values">Of the first model.</param>
    /// <param name="others">Of the second one, as many.</param>
    /// <param name="shape">Their extents.</param>
    public void Add(ReadOnlySpan<float> values, ReadOnlySpan<float> others, ReadOnlySpan<long> shape)
    {
        // Channels are the second axis of pictures, and the last one of rows.
        var axis = shape.Length >= 4 || (ofConvolution && shape.Length == 3) ? 1 : shape.Length - 1;
        var (channels, inner) = (1, values.Length);
        if (axis >= 0)
        {
            (channels, inner) = ((int)shape[axis], 1);
            for (var i = axis + 1; i < shape.Length; i++) inner *= (int)shape[i];
            AxesBehind = shape.Length - 1 - axis;
        }
        while (_signal.Count < channels)
        {
            foreach (var sums in new[] { _signal, _product, _other, _largest }) sums.Add(0);
        }
        for (var start = 0; start < values.Length; start += inner)
        {
            double signal = 0, product = 0, square = 0, largest = 0;
            for (var i = start; i < start + inner; i++)
            {
                double value = values[i], other = others[i];
                signal += value * value;
                product += value * other;
                square += other * other;
                _noise += (value - other) * (value - other);
                largest = Math.Max(largest, Math.Abs(value));
                (Minimum, Maximum) = (Math.Min(Minimum, value), Math.Max(Maximum, value));
            }
            var channel = start / inner % channels;
            _signal[channel] += signal;
            _product[channel] += product;
            _other[channel] += square;
            _largest[channel] = Math.Max(_largest[channel], largest);
        }
    }

    /// <summary>How many times the first model's scale the second's is, channel by channel; null where the scale was not changed.</summary>
    public float[]? Scales()
    {
        float[] scales = [
            .. _signal.Zip(_product, (signal, product) => signal > 0 && product > 0 ? (float)(product / signal) : 1),
        ];
        return scales.Any(scale => scale > SmallestChange || scale < 1 / SmallestChange)
            && Decibels(rescaled: true) > Decibels(rescaled: false) + SmallestGain ? scales : null;
    }

    /// <summary>Decibels of signal to noise, each channel in the scale that suits it best where <paramref name="rescaled"/>.</summary>
    public double Decibels(bool rescaled)
    {
        var (signal, noise) = (_signal.Sum(), _noise);
        if (rescaled)
        {
            // What is left of a channel once the other one's is scaled to it (least squares).
            noise = 0;
            for (var channel = 0; channel < _signal.Count; channel++)
            {
                noise += _other[channel] > 0
                    ? Math.Max(0, _signal[channel] - _product[channel] * _product[channel] / _other[channel]) : _signal[channel];
            }
        }
        return noise <= 0 ? Closeness.Exact
            : signal <= 0 ? 0 : Math.Min(Closeness.Exact, 10 * Math.Log10(signal / noise));
    }
}
