using System.Globalization;

namespace Fleet.Contracts.Validation;

/// <summary>What a variant must show, on the server before it is released and on a device before it serves.</summary>
public sealed record ValidationGate
{
    /// <summary>Smallest accuracy, 0 to 1; null for none.</summary>
    public double? MinimumAccuracy { get; init; }

    /// <summary>Largest p95 of the time of one inference; null for none.</summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>Largest peak resident memory in bytes of the process that validates; null for none. It is also that process's limit.</summary>
    public long? MaximumMemoryBytes { get; init; }

    /// <summary>How long the validation may take before it counts as failed.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Judges measured figures. A figure the gate asks for and nobody measured fails it.</summary>
    public GateVerdict Judge(Scores measured)
    {
        var reasons = new List<string>();
        if (MinimumAccuracy is { } accuracy && !(measured.Accuracy >= accuracy))
            reasons.Add(Sentence("Accuracy", measured.Accuracy, "is below the required", accuracy));
        if (MaximumLatencyP95 is { } latency && !(measured.Latency?.P95 <= latency))
            reasons.Add(Sentence("Latency p95 in ms", measured.Latency?.P95.TotalMilliseconds, "is above the allowed", latency.TotalMilliseconds));
        if (MaximumMemoryBytes is { } memory && !(measured.PeakMemoryBytes <= memory))
            reasons.Add(Sentence("Peak memory in MiB", measured.PeakMemoryBytes / 1048576.0, "is above the allowed", memory / 1048576.0));
        return new GateVerdict(reasons);
    }

    private static string Sentence(string what, double? measured, string relation, double limit) => string.Create(CultureInfo.InvariantCulture,
        $"{what} {(measured is { } value ? value.ToString("0.####", CultureInfo.InvariantCulture) : "(not measured)")} {relation} {limit:0.####}.");
}

/// <summary>The answer of a gate: passed when no reason speaks against.</summary>
/// <param name="Reasons">A sentence for every figure that missed.</param>
public sealed record GateVerdict(IReadOnlyList<string> Reasons)
{
    /// <summary>True when the variant may serve.</summary>
    public bool Passed => Reasons.Count == 0;
}
