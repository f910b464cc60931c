namespace Fleet.Benchmarks;

/// <summary>Whether differences have a direction, without a word about how they are distributed.</summary>
internal static class SignFlip
{
    /// <summary>More would be a million sums.</summary>
    private const int Most = 20;

    /// <summary>What is closer than rounding is equal.</summary>
    private const double Rounding = 1e-12;

    /// <summary>
    /// Two-sided p of paired differences by the exact permutation test: where nothing is better, each difference could as well have had the
    /// other sign. p = |{s in {-1, 1}^n : |sum of s d| &gt;= |sum of d|}| / 2^n (Fisher, The Design of Experiments, 1935, section 21). The
    /// least that n differences can say is 2 / 2^n.
    /// </summary>
    /// <param name="differences">One of each pair, in any unit; 1 to 20 of them.</param>
    /// <returns>Above 0 and at most 1.</returns>
    /// <exception cref="ArgumentException">There are none or too many.</exception>
    public static double Probability(IReadOnlyList<double> differences)
    {
        if (differences.Count is 0 or > Most)
            throw new ArgumentException($"{differences.Count} differences; 1 to {Most} can be told.", nameof(differences));
        var size = differences.Sum(Math.Abs);
        var least = Math.Abs(differences.Sum()) - Rounding * size;
        var (flips, asLarge) = (1 << differences.Count, 0);
        for (var signs = 0; signs < flips; signs++)
        {
            var sum = differences.Select((difference, place) => (signs >> place & 1) == 0 ? difference : -difference).Sum();
            if (Math.Abs(sum) >= least) asLarge++;
        }
        return (double)asLarge / flips;
    }
}
