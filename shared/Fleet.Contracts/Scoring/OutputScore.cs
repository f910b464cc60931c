namespace Fleet.Contracts.Scoring;

/// <summary>
/// Adds up how far outputs are from the float model's. Where the float model gives no finite number (a masked score is minus
/// infinity) nothing is compared.
/// </summary>
public sealed class OutputScore
{
    /// <summary>Decibels that stand for equal outputs; 32-bit floats that differ at all are below 150.</summary>
    public const double ExactDecibels = 200;

    private double _signal, _power, _noise, _product;

    /// <summary>
    /// Ten times the logarithm of the float model's power over that of the difference, between -<see cref="ExactDecibels"/> and
    /// <see cref="ExactDecibels"/>. The least where values are not finite.
    /// </summary>
    public double SignalToNoise
    {
        get
        {
            if (_noise == 0) return ExactDecibels;
            var decibels = 10 * Math.Log10(_signal / _noise);
            return decibels >= -ExactDecibels ? Math.Min(ExactDecibels, decibels) : -ExactDecibels;
        }
    }

    /// <summary>Cosine similarity, -1 to 1; two outputs that are zero everywhere point the same way.</summary>
    public double Cosine
        => _signal == 0 && _power == 0
            ? 1
            : _product / Math.Sqrt(_signal * _power) is var cosine && double.IsFinite(cosine)
            ? Math.Clamp(cosine, -1, 1)
            : 0;

    /// <summary>Takes further values in.</summary>
    /// <exception cref="ArgumentException">There are not as many as of the reference.</exception>
    public OutputScore Add(ReadOnlySpan<float> values, ReadOnlySpan<float> reference)
    {
        if (values.Length != reference.Length)
            throw new ArgumentException($"There are {values.Length} values to compare with {reference.Length}.");
        for (var i = 0; i < reference.Length; i++)
        {
            if (!float.IsFinite(reference[i])) continue;
            double value = values[i], expected = reference[i];
            _signal += expected * expected;
            _power += value * value;
            _product += expected * value;
            _noise += (value - expected) * (value - expected);
        }
        return this;
    }

    /// <summary>
    /// How far this part moves the decibels of all when it is there once more: 10 / ln 10 times its share of the signal less its share of
    /// the noise. 0 where the decibels are not those of a ratio.
    /// </summary>
    public double InfluenceOn(OutputScore all)
        => Math.Abs(all.SignalToNoise) < ExactDecibels
            ? 10 / Math.Log(10) * (_signal / all._signal - _noise / all._noise)
            : 0;

    /// <summary>Takes in what another added up, as often as it counts.</summary>
    public void Add(OutputScore other, int times)
    {
        // What is not a number stays so only where it counts.
        if (times == 0) return;
        _signal += times * other._signal;
        _power += times * other._power;
        _product += times * other._product;
        _noise += times * other._noise;
    }
}
