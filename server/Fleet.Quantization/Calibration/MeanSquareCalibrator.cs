namespace Fleet.Quantization.Calibration;

/// <summary>
/// Covers the range whose squared error is smallest, clipping and rounding together. Each end is searched in turn, the other
/// held, since their errors hardly touch.
/// </summary>
internal sealed class MeanSquareCalibrator : ICalibrator
{
    /// <summary>Fractions of the full range that are tried for each end, 4 % apart.</summary>
    private const int Steps = 96;

    /// <summary>The smallest fraction tried; an outlier may lie fifty times further out than all else.</summary>
    private const double SmallestFraction = 0.02;

    /// <inheritdoc/>
    public string Name => "mse";

    /// <inheritdoc/>
    public ValueRange Choose(Histogram histogram, IntegerForm form)
    {
        var whole = histogram.Range.WithZero();
        var bins = histogram.Occupied().ToArray();
        if (form.Symmetric)
            return Best(bins, form, whole, fraction => new ValueRange(-whole.AbsoluteMaximum * fraction, whole.AbsoluteMaximum * fraction));
        var range = whole;
        for (var round = 0; round < 2; round++)
        {
            var held = range;
            range = Best(bins, form, range, fraction => new ValueRange(held.Low, whole.High * fraction));
            held = range;
            if (whole.Low < 0) range = Best(bins, form, range, fraction => new ValueRange(whole.Low * fraction, held.High));
        }
        return range;
    }

    private static ValueRange Best(
        (double Value, long Count)[] bins, IntegerForm form, ValueRange first, Func<double, ValueRange> candidate)
    {
        var best = first;
        var least = SquaredError(bins, Affine.For(first, form), form);
        for (var step = 0; step <= Steps; step++)
        {
            var range = candidate(Math.Pow(SmallestFraction, 1 - (double)step / Steps));
            var error = SquaredError(bins, Affine.For(range, form), form);
            if (error < least) (best, least) = (range, error);
        }
        return best;
    }

    private static double SquaredError((double Value, long Count)[] bins, Affine affine, IntegerForm form)
    {
        var sum = 0.0;
        foreach (var (value, count) in bins)
        {
            var error = value - affine.Round(value, form);
            sum += error * error * count;
        }
        return sum;
    }
}
