using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Adds up how far the outputs of a model are from the float model's. Where the float model gives no finite number (a masked
/// score is minus infinity) nothing is compared.
/// </summary>
internal sealed class Deviation
{
    private double _signal, _power, _noise, _product;

    /// <summary>
    /// Signal to noise: ten times the logarithm of the float model's power over that of the difference, between
    /// -<see cref="Closeness.Exact"/> and <see cref="Closeness.Exact"/>, which stands for equal outputs. The least where values
    /// are not finite.
    /// </summary>
    public double SignalToNoise
    {
        get
        {
            if (_noise == 0) return Closeness.Exact;
            var decibels = 10 * Math.Log10(_signal / _noise);
            return decibels >= -Closeness.Exact ? Math.Min(Closeness.Exact, decibels) : -Closeness.Exact;
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
    public Deviation Add(ReadOnlySpan<float> values, ReadOnlySpan<float> reference)
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
}
