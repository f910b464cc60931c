using System.Numerics.Tensors;

namespace Fleet.Quantization.Calibration;

/// <summary>
/// Counts of the values one activation took, in a fixed number of bins however many there are. The width of a bin is a power
/// of two and doubles when a value falls outside; bin edges are multiples of it, so that zero is always an edge and a finer count
/// folds into a coarser one without loss. The order of the values decides no more than how fine the last width is.
/// </summary>
internal sealed class Histogram
{
    /// <summary>Bins. At least an eighth of them lie within the range seen, four or more for each of 256 levels.</summary>
    public const int Bins = 8192;

    /// <summary>A narrower range is rounding noise around one value; it also keeps the bin width a normal number.</summary>
    private const double SmallestSpan = 1e-30;

    private readonly long[] _counts = new long[Bins];
    private long _first;
    private double _width;
    private long _zeros;

    /// <summary>Values counted.</summary>
    public long Count { get; private set; }

    /// <summary>Smallest value seen.</summary>
    public double Minimum { get; private set; } = double.PositiveInfinity;

    /// <summary>Largest value seen.</summary>
    public double Maximum { get; private set; } = double.NegativeInfinity;

    /// <summary>The range seen.</summary>
    public ValueRange Range => Count == 0 ? default : new ValueRange(Minimum, Maximum);

    /// <summary>Counts <paramref name="values"/>.</summary>
    /// <exception cref="ArgumentException">One of them is not a finite number.</exception>
    public void Add(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty) return;
        double low = TensorPrimitives.Min(values), high = TensorPrimitives.Max(values);
        if (!double.IsFinite(low) || !double.IsFinite(high)) throw new ArgumentException("A value is not a finite number.", nameof(values));
        Minimum = Math.Min(Minimum, low);
        Maximum = Math.Max(Maximum, high);
        Count += values.Length;
        if (_width == 0)
        {
            if (low == 0 && high == 0)
            {
                _zeros += values.Length;
                return;
            }
            Begin(low, high);
        }
        Cover();

        var perWidth = 1 / _width;
        foreach (var value in values) _counts[(int)(Math.Floor(value * perWidth) - _first)]++;
    }

    /// <summary>Every bin that holds something: its centre, within the range seen, and its count.</summary>
    public IEnumerable<(double Value, long Count)> Occupied()
    {
        if (_width == 0)
        {
            if (_zeros > 0) yield return (0, _zeros);
            yield break;
        }
        for (var i = 0; i < Bins; i++)
        {
            if (_counts[i] > 0) yield return (Math.Clamp((_first + i + 0.5) * _width, Minimum, Maximum), _counts[i]);
        }
    }

    private void Begin(double low, double high)
    {
        var span = Math.Max(Math.Max(high, 0) - Math.Min(low, 0), SmallestSpan);
        _width = Math.Pow(2, Math.Ceiling(Math.Log2(span / (Bins / 4.0))));
        _first = (long)Math.Floor(Math.Min(low, 0) / _width) - Bins / 4;
        _counts[-_first] = _zeros;
    }

    // In floating point until the range fits: how many of today's bins a far larger value is away need not fit a long.
    private void Cover()
    {
        while (Math.Floor(Maximum / _width) - Math.Floor(Minimum / _width) >= Bins) Double();
        var first = (long)Math.Floor(Minimum / _width);
        var last = (long)Math.Floor(Maximum / _width);
        if (first < _first || last >= _first + Bins) Shift(first - (Bins - 1 - (last - first)) / 2);
    }

    private void Double()
    {
        var doubled = new long[Bins];
        var first = (long)Math.Floor(_first / 2.0);
        for (var i = 0; i < Bins; i++)
        {
            if (_counts[i] != 0) doubled[(long)Math.Floor((_first + i) / 2.0) - first] += _counts[i];
        }
        doubled.CopyTo(_counts, 0);
        _first = first;
        _width *= 2;
    }

    private void Shift(long first)
    {
        var moved = new long[Bins];
        for (var i = 0; i < Bins; i++)
        {
            if (_counts[i] != 0) moved[_first + i - first] = _counts[i];
        }
        moved.CopyTo(_counts, 0);
        _first = first;
    }
}
