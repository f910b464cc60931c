using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Deployment;

/// <summary>A variant and what this device measured of it.</summary>
internal sealed record MeasuredVariant(Variant Variant, Scores Scores);

/// <summary>Which of the variants that passed their gates serves. Pure.</summary>
internal static class VariantChoice
{
    /// <summary>Accuracy within half a point of the best counts as equal: less is noise on validation sets of a few thousand samples.</summary>
    public const double AccuracyTolerance = 0.005;

    /// <summary>A p95 within 5 % of the fastest counts as equal: less is noise between two runs on one device.</summary>
    public const double LatencyTolerance = 0.05;

    /// <summary>
    /// Accuracy first, then p95, then size: of the most accurate the fastest, of the fastest the smallest, each up to its tolerance.
    /// The tolerances count from the best of all, so that the order of the variants changes nothing; what is equal in everything
    /// goes by id. A figure that was not measured counts as the worst.
    /// </summary>
    public static MeasuredVariant? Best(IReadOnlyList<MeasuredVariant> passed)
    {
        if (passed.Count == 0) return null;
        var accurate = passed.Where(one => Accuracy(one) >= passed.Max(Accuracy) - AccuracyTolerance).ToArray();
        var fast = accurate.Where(one => Latency(one) <= accurate.Min(Latency) * (1 + LatencyTolerance)).ToArray();
        return fast.OrderBy(one => one.Variant.Artifact.Bytes).ThenBy(one => one.Variant.Id, StringComparer.Ordinal).First();
    }

    private static double Accuracy(MeasuredVariant one) => one.Scores.Accuracy ?? 0;

    private static double Latency(MeasuredVariant one) => one.Scores.Latency?.P95.TotalMilliseconds ?? double.MaxValue;
}
