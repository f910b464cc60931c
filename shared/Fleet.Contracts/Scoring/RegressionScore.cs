namespace Fleet.Contracts.Scoring;

/// <summary>
/// Compares predicted numbers with true ones. A prediction that is not a finite number makes every figure infinite, which no gate lets
/// pass.
/// </summary>
public static class RegressionScore
{
    /// <summary>Mean of the absolute errors; 0 without samples.</summary>
    public static double MeanAbsoluteError(ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels)
        => MeanOf(predicted, labels, Math.Abs);

    /// <summary>Root of the mean of the squared errors; 0 without samples.</summary>
    public static double RootMeanSquareError(ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels)
        => Math.Sqrt(MeanOf(predicted, labels, error => error * error));

    private static double MeanOf(ReadOnlySpan<float> predicted, ReadOnlySpan<float> labels, Func<double, double> cost)
    {
        if (predicted.Length != labels.Length)
            throw new ArgumentException($"There are {predicted.Length} predictions for {labels.Length} labels.");
        var sum = 0.0;
        for (var i = 0; i < predicted.Length; i++) sum += cost((double)predicted[i] - labels[i]);
        return double.IsFinite(sum) ? sum / Math.Max(1, predicted.Length) : double.PositiveInfinity;
    }
}
