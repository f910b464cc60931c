using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>Adds up numbers one by one (Welford 1962), so that no sum of squares loses what matters.</summary>
internal struct ValueTally
{
    private long _count;
    private double _mean, _squares, _minimum, _maximum;

    /// <summary>Takes a number in; one that is not finite is left out.</summary>
    public void Add(double value)
    {
        if (!double.IsFinite(value)) return;
        (_minimum, _maximum) = _count == 0 ? (value, value) : (Math.Min(_minimum, value), Math.Max(_maximum, value));
        _count++;
        var difference = value - _mean;
        _mean += difference / _count;
        _squares += difference * (value - _mean);
    }

    /// <summary>What was seen, in 32-bit floats: half the bytes, and more digits than anybody reads.</summary>
    public readonly ValueStats Stats()
    {
        var deviation = (float)Math.Sqrt(Math.Max(0, _squares / Math.Max(1, _count)));
        // Numbers near the largest there is have no mean or deviation that could be written down.
        var (mean, minimum, maximum) = ((float)_mean, (float)_minimum, (float)_maximum);
        return float.IsFinite(mean) && float.IsFinite(deviation) && float.IsFinite(minimum) && float.IsFinite(maximum)
            ? new ValueStats(_count, mean, deviation, minimum, maximum)
            : ValueStats.None;
    }
}
