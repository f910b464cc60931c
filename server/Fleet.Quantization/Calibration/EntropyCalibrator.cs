namespace Fleet.Quantization.Calibration;

/// <summary>
/// Covers the range that loses least information: the threshold at which the rounded distribution has the smallest
/// Kullback-Leibler divergence from the real one, what lies outside piled onto its ends (S. Migacz, "8-bit Inference with
/// TensorRT", GTC 2017). It needs many more bins than levels; with as many bins as levels, as ONNX Runtime's tool has by default,
/// no threshold below the maximum exists.
/// <para>
/// Three things are done otherwise than in common implementations, each found to matter. Bins are told with the very levels the
/// integers will have, asymmetric ranges included. The spike that Relu leaves at zero is left out, not only thinned: zero is exact
/// at every threshold. And the counts are smoothed over the width of one level of the full range, further where values are few: what
/// differs between neighbouring bins of a sharp histogram is mostly chance, and a threshold so low that every level is one bin would look
/// perfect for reproducing it, however much it clips.
/// </para>
/// </summary>
internal sealed class EntropyCalibrator : ICalibrator
{
    /// <summary>Bins of the full range: eight for each of 256 levels.</summary>
    private const int Bins = 2048;

    /// <summary>Thresholds tried, evenly from <see cref="SmallestFraction"/> of the largest magnitude to all of it.</summary>
    private const int Steps = 112;

    /// <summary>Below an eighth of the range a level would be finer than a bin.</summary>
    private const double SmallestFraction = 0.125;

    /// <summary>Where values are so few that a level holds less than this, the counts are smoothed over as many.</summary>
    private const double ValuesSmoothedOver = 64;

    /// <inheritdoc/>
    public string Name => "entropy";

    /// <inheritdoc/>
    public ValueRange Choose(Histogram histogram, IntegerForm form)
    {
        var whole = histogram.Range.WithZero();
        if (whole.AbsoluteMaximum == 0) return whole;
        var distribution = Smoothed(histogram, whole, form);
        var (best, least) = (whole, double.PositiveInfinity);
        // From the widest: of thresholds that are alike the one that clips least.
        for (var step = Steps; step >= 0; step--)
        {
            var threshold = whole.AbsoluteMaximum * (SmallestFraction + (1 - SmallestFraction) * step / Steps);
            var range = new ValueRange(Math.Max(whole.Low, -threshold), Math.Min(whole.High, threshold));
            var divergence = Divergence(distribution, Affine.For(range, form), form);
            if (divergence < least) (best, least) = (range, divergence);
        }
        return best;
    }

    /// <summary>The distribution in bins of the full range, without the zeros, each bin the mean of those around it.</summary>
    private static (double Value, double Mass)[] Smoothed(Histogram histogram, ValueRange whole, IntegerForm form)
    {
        var width = (whole.High - whole.Low) / Bins;
        var counts = new double[Bins];
        foreach (var (value, count) in histogram.Occupied()) counts[Math.Clamp((int)((value - whole.Low) / width), 0, Bins - 1)] += count;
        counts[Math.Clamp((int)(-whole.Low / width), 0, Bins - 1)] = 0;

        var reach = (int)Math.Min(
            Bins, Math.Max(Bins / (form.Maximum - form.Minimum + 1.0), Bins * ValuesSmoothedOver / Math.Max(1, counts.Sum())) / 2);
        return [.. Enumerable.Range(0, Bins).Select(i =>
        {
            int from = Math.Max(0, i - reach), to = Math.Min(Bins, i + reach + 1);
            return (whole.Low + (i + 0.5) * width, counts.AsSpan(from..to).ToArray().Sum() / (to - from));
        })];
    }

    /// <summary>KL of the distribution clipped to the levels of <paramref name="affine"/> from the same one told with them.</summary>
    private static double Divergence((double Value, double Mass)[] distribution, Affine affine, IntegerForm form)
    {
        int LevelOf(double value) => (int)Math.Round(value / affine.Scale) + affine.ZeroPoint;
        double below = 0, above = 0, inside = 0;
        int first = 0, end = distribution.Length;
        for (; first < end && LevelOf(distribution[first].Value) < form.Minimum; first++) below += distribution[first].Mass;
        for (; end > first && LevelOf(distribution[end - 1].Value) > form.Maximum; end--) above += distribution[end - 1].Mass;
        for (var i = first; i < end; i++) inside += distribution[i].Mass;
        if (inside == 0) return double.PositiveInfinity;

        var (total, divergence) = (below + inside + above, 0.0);
        for (int from = first, to; from < end; from = to)
        {
            var (level, mass, occupied) = (LevelOf(distribution[from].Value), 0.0, 0);
            for (to = from; to < end && LevelOf(distribution[to].Value) == level; to++)
            {
                mass += distribution[to].Mass;
                if (distribution[to].Mass > 0) occupied++;
            }
            for (var i = from; i < to; i++)
            {
                var p = (distribution[i].Mass + (i == first ? below : 0) + (i == end - 1 ? above : 0)) / total;
                // The end that others are piled onto may itself be empty: a floor keeps the divergence finite.
                if (p > 0) divergence += p * Math.Log(p / Math.Max(distribution[i].Mass > 0 ? mass / occupied / inside : 0, 1e-12));
            }
        }
        return divergence;
    }
}
