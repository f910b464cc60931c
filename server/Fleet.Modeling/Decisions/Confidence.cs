namespace Fleet.Modeling.Decisions;

/// <summary>How far a classifier's probabilities can be believed. Pure: logits and labels in, figures out.</summary>
internal static class Confidence
{
    /// <summary>Bins of confidence, as in Guo et al., arXiv 1706.04599.</summary>
    private const int Bins = 15;

    private const double LeastTemperature = 0.05, MostTemperature = 20;

    /// <summary>
    /// Expected calibration error: over bins of confidence, the mean distance of the share that is right from the mean confidence (Guo et
    /// al., equation 3).
    /// </summary>
    public static double CalibrationError(ReadOnlySpan<float> logits, ReadOnlySpan<long> labels, double temperature = 1)
    {
        var columns = logits.Length / Math.Max(1, labels.Length);
        var (confidence, right) = (new double[Bins], new int[Bins]);
        for (var sample = 0; sample < labels.Length; sample++)
        {
            var row = logits.Slice(sample * columns, columns);
            var best = row.IndexOf(System.Numerics.Tensors.TensorPrimitives.Max(row));
            var sure = Math.Exp(LogLikelihood(row, best, temperature));
            var bin = Math.Clamp((int)Math.Ceiling(sure * Bins) - 1, 0, Bins - 1);
            confidence[bin] += sure;
            if (best == labels[sample]) right[bin]++;
        }
        return confidence.Zip(right, (sure, hits) => Math.Abs(hits - sure)).Sum() / Math.Max(1, labels.Length);
    }

    /// <summary>Mean negative logarithm of the probability of the label.</summary>
    public static double NegativeLogLikelihood(ReadOnlySpan<float> logits, ReadOnlySpan<long> labels, double temperature = 1)
    {
        var columns = logits.Length / Math.Max(1, labels.Length);
        var sum = 0.0;
        for (var sample = 0; sample < labels.Length; sample++)
            sum -= LogLikelihood(logits.Slice(sample * columns, columns), (int)labels[sample], temperature);
        return sum / Math.Max(1, labels.Length);
    }

    /// <summary>
    /// The temperature with the least negative log likelihood, within 0.05 and 20. The likelihood has one peak over it, for its logarithm
    /// is concave in 1 / T; a golden section finds that.
    /// </summary>
    public static double Temperature(ReadOnlySpan<float> logits, ReadOnlySpan<long> labels)
    {
        const double Precision = 1e-3;
        var section = (Math.Sqrt(5) - 1) / 2;
        var (low, high) = (Math.Log(LeastTemperature), Math.Log(MostTemperature));
        var (left, right) = (high - section * (high - low), low + section * (high - low));
        var (atLeft, atRight) = (
            NegativeLogLikelihood(logits, labels, Math.Exp(left)), NegativeLogLikelihood(logits, labels, Math.Exp(right)));
        while (high - low > Precision)
        {
            if (atLeft < atRight)
            {
                (high, right, atRight) = (right, left, atLeft);
                left = high - section * (high - low);
                atLeft = NegativeLogLikelihood(logits, labels, Math.Exp(left));
            }
            else
            {
                (low, left, atLeft) = (left, right, atRight);
                right = low + section * (high - low);
                atRight = NegativeLogLikelihood(logits, labels, Math.Exp(right));
            }
        }
        return Math.Exp((low + high) / 2);
    }

    private static double LogLikelihood(ReadOnlySpan<float> row, int label, double temperature)
    {
        double most = System.Numerics.Tensors.TensorPrimitives.Max(row);
        var sum = 0.0;
        foreach (var value in row) sum += Math.Exp((value - most) / temperature);
        return (row[label] - most) / temperature - Math.Log(sum);
    }
}
