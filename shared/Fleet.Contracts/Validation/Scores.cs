using System.Text.Json.Serialization;

namespace Fleet.Contracts.Validation;

/// <summary>What was measured of one variant, on the server or on a device.</summary>
public sealed record Scores
{
    /// <summary>Top-1 accuracy, 0 to 1; null when there are no labels.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Share of samples decided like the fp32 student, 0 to 1; null when it was not compared.</summary>
    public double? Agreement { get; init; }

    /// <summary>Time of one inference at batch 1; null when it was not measured.</summary>
    public LatencySummary? Latency { get; init; }

    /// <summary>Peak resident memory in bytes of the process that ran it; null when it was not measured.</summary>
    public long? PeakMemoryBytes { get; init; }

    /// <summary>
    /// Energy of one inference in joules: what the whole processor package drew while it ran one after another, idle power
    /// included; null where the machine cannot measure it.
    /// </summary>
    public double? EnergyJoules { get; init; }

    /// <summary>Samples the figures rest on.</summary>
    public int Samples { get; init; }
}

/// <summary>Percentiles of the time of one inference. They are never averaged: histograms are merged instead.</summary>
/// <param name="P50">Median.</param>
/// <param name="P95">95th percentile.</param>
/// <param name="P99">99th percentile.</param>
public sealed record LatencySummary(
    [property: JsonPropertyName("p50Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P50,
    [property: JsonPropertyName("p95Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P95,
    [property: JsonPropertyName("p99Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P99);
