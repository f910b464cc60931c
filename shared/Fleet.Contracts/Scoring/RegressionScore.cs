namespace Fleet.Contracts.Scoring;

/// <summary>
/// Compares predicted numbers with true ones. A prediction that is not a finite number makes every figure infinite, which no gate lets
/// pass.
/// </summary>
public static class RegressionScore
{
    /// <summary>Mean of the absolute errors; 0 without samples.</summary>
    public static double MeanAbsoluteError(
        ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels, SampleWeights weights = default, int columns = 1)
        => MeanOf(predicted, labels, weights, columns, Math.Abs);

    /// <summary>Root of the mean of the squared errors; 0 without samples.</summary>
    public static double RootMeanSquareError(
        ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels, SampleWeights weights = default, int columns = 1)
        => Math.Sqrt(MeanOf(predicted, labels, weights, columns, error => error * error));

    private static double MeanOf(
        ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels, SampleWeights weights, int columns, Func<double, double> cost)
    {
        if (predicted.Length != labels.Length)
            throw new ArgumentException($"There are {predicted.Length} predictions for {labels.Length} labels.");
        var (sum, all) = (0.0, 0L);
        for (var i = 0; i < predicted.Length; i++)
        {
            if (weights[i / columns] is not (> 0 and var times)) continue;
            sum += times * cost((double)predicted[i] - labels[i]);
            all += times;
        }
        return double.IsFinite(sum) ? sum / Math.Max(1, all) : double.PositiveInfinity;
    }
}
