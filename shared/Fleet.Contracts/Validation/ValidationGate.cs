using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>What a variant must show, on the server before it is released and on a device before it serves.</summary>
[JsonConverter(typeof(ValidationGateConverter))]
public sealed record ValidationGate
{
    /// <summary>What each metric must reach, each metric at most once.</summary>
    public IReadOnlyList<Threshold> Thresholds { get; set; } = [];

    /// <summary>How long the validation may take before it counts as failed.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Smallest accuracy, 0 to 1; null for none.</summary>
    [JsonIgnore]
    public double? MinimumAccuracy
    {
        get => Of(Metric.Accuracy)?.Minimum;
        init => Thresholds = Replaced(Metric.Accuracy, value);
    }

    /// <summary>Largest p95 of the time of one inference; null for none.</summary>
    [JsonIgnore]
    public TimeSpan? MaximumLatencyP95
    {
        get => Of(Metric.LatencyP95)?.Maximum is { } milliseconds ? LatencySummary.OfMilliseconds(0, milliseconds, 0).P95 : null;
        init => Thresholds = Replaced(Metric.LatencyP95, value?.TotalMilliseconds);
    }

    /// <summary>
    /// Largest peak resident memory in bytes of the process that validates; null for none. It is also that process's limit.
    /// </summary>
    [JsonIgnore]
    public long? MaximumMemoryBytes
    {
        get => (long?)Of(Metric.PeakMemory)?.Maximum;
        init => Thresholds = Replaced(Metric.PeakMemory, value);
    }

    /// <summary>The threshold of a metric; null when it has none.</summary>
    public Threshold? Of(Metric metric) => Thresholds.FirstOrDefault(threshold => threshold.Metric == metric.Name);

    /// <summary>Judges measured figures. A figure the gate asks for and nobody measured fails it.</summary>
    public GateVerdict Judge(Scores measured)
        => new([.. Thresholds.SelectMany(threshold => threshold.Misses(measured.Find(threshold.Metric)?.Value))]);

    /// <inheritdoc/>
    public bool Equals(ValidationGate? other)
        => other is not null && Deadline == other.Deadline && Thresholds.SequenceEqual(other.Thresholds);

    /// <inheritdoc/>
    public override int GetHashCode() => Thresholds.Aggregate(Deadline.GetHashCode(), HashCode.Combine);

    private Threshold[] Replaced(Metric metric, double? limit)
    {
        var others = Thresholds.Where(threshold => threshold.Metric != metric.Name);
        return limit is { } value ? [.. others, Threshold.Of(metric, value)] : [.. others];
    }
}

/// <summary>The answer of a gate: passed when no reason speaks against.</summary>
/// <param name="Reasons">A sentence for every figure that missed.</param>
public sealed record GateVerdict(IReadOnlyList<string> Reasons)
{
    /// <summary>True when the variant may serve.</summary>
    public bool Passed => Reasons.Count == 0;
}
