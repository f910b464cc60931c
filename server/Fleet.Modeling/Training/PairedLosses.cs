namespace Fleet.Modeling.Training;

/// <summary>Losses of two networks on the same samples, and whether one is better by more than chance. Pure.</summary>
internal static class PairedLosses
{
    /// <summary>Standard errors beyond which a difference is more than chance.</summary>
    private const double Sure = 2;

    /// <summary>By how much the losses of one are above those of another, sample by sample, with the standard error of that.</summary>
    public static (double Difference, double Error) Compared(IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        double[] differences = [.. one.Zip(other, (a, b) => a - b)];
        var mean = differences.Average();
        return (mean, Math.Sqrt(differences.Average(value => (value - mean) * (value - mean)) / Math.Max(1, differences.Length - 1)));
    }

    /// <summary>
    /// The mean of each origin's losses, as they are where samples have none: a thousand windows of three machines tell no more than three.
    /// </summary>
    public static IReadOnlyList<double> ByOrigin(IReadOnlyList<double> losses, int[]? origins) => origins is null ? losses
        : [.. losses.Zip(origins).GroupBy(one => one.Second, one => one.First).Select(origin => origin.Average())];

    /// <summary>True where the losses of one are below those of another by more than chance, which one loss alone does not tell.</summary>
    public static bool IsSurelyBetter(IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        var (difference, error) = Compared(one, other);
        return one.Count > 1 && difference < -Sure * error;
    }
}
