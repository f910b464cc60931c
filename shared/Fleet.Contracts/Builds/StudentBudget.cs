namespace Fleet.Contracts.Builds;

/// <summary>What a student may cost; for <c>width: auto</c> at least one limit.</summary>
public sealed record StudentBudget
{
    /// <summary>Largest size of its 8-bit file in bytes.</summary>
    public long? MaximumBytes { get; init; }

    /// <summary>
    /// Largest p95 of one inference on the machine that builds, of its 8-bit file or, where that is faster, of its float file.
    /// </summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }
}
