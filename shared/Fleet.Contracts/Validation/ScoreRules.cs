using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>What figures can be at all. Pure.</summary>
public static class ScoreRules
{
    /// <summary>A share that was summed up in floating point may come out a little past 1.</summary>
    private const double Tolerance = 1e-6;

    private const double MostDecibels = 1000;
    private const double MostBytes = 1L << 60;
    private const double MostMilliseconds = 1e12;

    /// <summary>The first figure that cannot be, in a sentence; null when all can.</summary>
    public static string? ProblemOf(Scores scores)
        => scores.Samples < 0
            ? $"The figures rest on {scores.Samples} samples."
            : scores.Metrics.Select(ProblemOf).FirstOrDefault(problem => problem is not null);

    private static string? ProblemOf(MetricValue figure)
    {
        if (!double.IsFinite(figure.Value)) return $"{figure.Title()} is not a number.";
        if (Metric.All.GetValueOrDefault(figure.Name) is not { } metric) return null;
        // Errors carry the unit of the labels, which only the data set knows.
        if (metric.Unit != Units.OfLabels && figure.Unit != metric.Unit)
            return $"{metric.Title} is in '{figure.Unit}', not in {metric.Unit}.";
        var (least, most) = RangeOf(metric);
        return figure.Value >= least && figure.Value <= most
            ? null
            : FormattableString.Invariant($"{metric.Title} {figure.Value:0.####} is beyond {least:0.####}..{most:0.####}.");
    }

    private static (double Least, double Most) RangeOf(Metric metric)
    {
        // An angle may be obtuse; every other share is of something.
        if (metric == Metric.Cosine) return (-1 - Tolerance, 1 + Tolerance);
        return metric.Unit switch
        {
            Units.Ratio => (0, 1 + Tolerance),
            Units.Decibels => (-MostDecibels, MostDecibels),
            Units.Bytes => (0, MostBytes),
            Units.Milliseconds => (0, MostMilliseconds),
            _ => (0, double.MaxValue),
        };
    }
}
