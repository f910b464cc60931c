namespace Fleet.Contracts.Builds;

/// <summary>How often a model calls a normal test sample an anomaly.</summary>
/// <param name="Normal">Normal test samples.</param>
/// <param name="Rate">Share of them above the threshold.</param>
/// <param name="Low">Lower end of where that share lies, with a confidence of 95 %.</param>
/// <param name="High">Upper end.</param>
/// <param name="Threshold">
/// What its scores are divided by: an error in squared deviations of the training samples, found for this model on the normal validation
/// samples, or the float model's where its own could not be set; null where its graph does not tell.
/// </param>
public sealed record FalsePositives(int Normal, double Rate, double Low, double High, double? Threshold = null)
{
    /// <summary>
    /// Of so many samples with so many above the threshold; the interval is Wilson's (Probable inference, the law of succession, and
    /// statistical inference, JASA 22, 1927), which holds for a share near 0.
    /// </summary>
    public static FalsePositives Of(double? threshold, int normal, int above)
    {
        const double deviations = 1.959964;
        var (count, rate) = (Math.Max(1, normal), (double)above / Math.Max(1, normal));
        var square = deviations * deviations / count;
        var (middle, half) = ((rate + square / 2) / (1 + square),
            deviations * Math.Sqrt(rate * (1 - rate) / count + square / count / 4) / (1 + square));
        return new FalsePositives(normal, rate, above == 0 ? 0 : middle - half, above == count ? 1 : middle + half, threshold);
    }
}
