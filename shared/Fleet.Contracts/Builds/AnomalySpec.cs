namespace Fleet.Contracts.Builds;

/// <summary>What is normal in samples among which anomalies are sought, and how often a normal one may be called an anomaly.</summary>
public sealed record AnomalySpec
{
    /// <summary>Share of normal samples above the threshold where the spec does not say.</summary>
    public const double UsualFalsePositiveRate = 0.01;

    /// <summary>
    /// The labels of normal samples; all others are anomalies, which judge and are never learned from. Absent: 0 where labels are 0 and 1.
    /// </summary>
    public IReadOnlyList<string>? Normal { get; init; }

    /// <summary>
    /// Share of normal samples that may be above the threshold, above 0 and at most 0.5: the threshold is found on normal validation
    /// samples.
    /// </summary>
    public double FalsePositiveRate { get; set; } = UsualFalsePositiveRate;
}
