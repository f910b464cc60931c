namespace Fleet.Modeling.Quantization;

/// <summary>
/// Covers the range that loses least information: the threshold whose quantized distribution has the smallest Kullback-Leibler
/// divergence from the clipped one (S. Migacz, "8-bit Inference with TensorRT", GTC 2017). It needs many more bins than levels;
/// with as many bins as levels, as ONNX Runtime's tool has by default, no threshold below the maximum exists.
/// </summary>
internal sealed class EntropyCalibrator : ICalibrator
{
    /// <summary>Bins of the absolute values.</summary>
    private const int Bins = 2048;

    /// <summary>Thresholds are tried this many bins apart.</summary>
    private const int Stride = 8;

    /// <inheritdoc/>
    public string Name => "entropy";

    /// <inheritdoc/>
    public ValueRange Choose(Histogram histogram, IntegerForm form)
    {
        var whole = histogram.Range.WithZero();
        if (whole.AbsoluteMaximum == 0) return whole;
        var counts = new double[Bins];
        foreach (var (value, count) in histogram.Occupied())
            counts[Math.Min(Bins - 1, (int)(Math.Abs(value) / whole.AbsoluteMaximum * Bins))] += count;
        // The spike that Relu leaves at zero is exact at every threshold and would drown the rest.
        counts[0] = counts[1];

        var oneSided = whole.Low == 0 || whole.High == 0;
        var levels = oneSided && !form.Symmetric ? form.Maximum - form.Minimum + 1 : (form.Maximum - form.Minimum + 1) / 2;
        var (best, least) = (Bins, double.PositiveInfinity);
        for (var bins = levels; bins <= Bins; bins += Stride)
        {
            var divergence = Divergence(counts, bins, levels);
            if (divergence < least) (best, least) = (bins, divergence);
        }
        var threshold = whole.AbsoluteMaximum * best / Bins;
        return new ValueRange(Math.Max(whole.Low, -threshold), Math.Min(whole.High, threshold));
    }

    /// <summary>KL of the distribution clipped at <paramref name="bins"/> from the same one told with <paramref name="levels"/> values.</summary>
    private static double Divergence(double[] counts, int bins, int levels)
    {
        var clipped = counts.AsSpan(bins).ToArray().Sum();
        var told = new double[bins];
        for (var level = 0; level < levels; level++)
        {
            int from = (int)((long)level * bins / levels), to = (int)((long)(level + 1) * bins / levels);
            double sum = 0;
            var occupied = 0;
            for (var i = from; i < to; i++)
            {
                sum += counts[i];
                if (counts[i] > 0) occupied++;
            }
            if (occupied == 0) continue;
            for (var i = from; i < to; i++) told[i] = counts[i] > 0 ? sum / occupied : 0;
        }
        double total = clipped, toldTotal = 0;
        for (var i = 0; i < bins; i++)
        {
            total += counts[i];
            toldTotal += told[i];
        }
        if (total == 0 || toldTotal == 0) return double.PositiveInfinity;
        var divergence = 0.0;
        for (var i = 0; i < bins; i++)
        {
            var p = (counts[i] + (i == bins - 1 ? clipped : 0)) / total;
            // What the clipped mass falls on may be empty inside: a floor keeps the divergence finite.
            if (p > 0) divergence += p * Math.Log(p / Math.Max(told[i] / toldTotal, 1e-9));
        }
        return divergence;
    }
}
