using System.Collections.Frozen;

namespace Fleet.Quantization.Calibration;

/// <summary>Decides which range of an activation the integers cover: what lies outside is clipped, what lies inside is rounded.</summary>
internal interface ICalibrator
{
    /// <summary>Name in a spec.</summary>
    string Name { get; }

    /// <summary>
    /// The range to cover, of the values counted in <paramref name="histogram"/>, for integers of <paramref name="form"/>.
    /// </summary>
    ValueRange Choose(Histogram histogram, IntegerForm form);
}

/// <summary>The calibrators by name.</summary>
internal static class Calibrators
{
    private static readonly FrozenDictionary<string, ICalibrator> ByName =
        new ICalibrator[]
        {
            new MinMaxCalibrator(), new PercentileCalibrator(), new MeanSquareCalibrator(), new EntropyCalibrator(),
        }.ToFrozenDictionary(calibrator => calibrator.Name);

    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<ICalibrator> All { get; } = [
        .. ByName.Values.OrderBy(calibrator => calibrator.Name, StringComparer.Ordinal),
    ];

    /// <summary>The calibrator of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static ICalibrator Named(string name) => ByName.TryGetValue(name, out var calibrator)
        ? calibrator
        : throw new ArgumentException(
            $"Calibrator '{name}' is not known; it is one of {string.Join(", ", ByName.Keys.Order())}.", nameof(name));
}

/// <summary>Covers everything seen: nothing is clipped, one outlier costs everyone resolution.</summary>
internal sealed class MinMaxCalibrator : ICalibrator
{
    /// <inheritdoc/>
    public string Name => "minmax";

    /// <inheritdoc/>
    public ValueRange Choose(Histogram histogram, IntegerForm form) => histogram.Range.WithZero();
}

/// <summary>Covers all but a small share of the values, half of it cut from each end.</summary>
internal sealed class PercentileCalibrator(double share = PercentileCalibrator.DefaultShare) : ICalibrator
{
    /// <summary>Share covered. Of ten thousand values one is clipped: enough to drop outliers, too few to change a decision.</summary>
    public const double DefaultShare = 0.9999;

    /// <inheritdoc/>
    public string Name => "percentile";

    /// <inheritdoc/>
    public ValueRange Choose(Histogram histogram, IntegerForm form)
    {
        var cut = (1 - share) / 2 * histogram.Count;
        var bins = histogram.Occupied().ToArray();
        return new ValueRange(Bound(bins, cut, histogram.Minimum), Bound(bins.Reverse(), cut, histogram.Maximum)).WithZero();
    }

    private static double Bound(IEnumerable<(double Value, long Count)> bins, double cut, double whole)
    {
        // Too few values to cut any: the whole range counts.
        if (cut < 1) return whole;
        var passed = 0L;
        foreach (var (value, count) in bins)
        {
            passed += count;
            if (passed > cut) return value;
        }
        return whole;
    }
}
