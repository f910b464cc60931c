using System.Text.Json.Serialization;

namespace Fleet.Contracts.Validation;

/// <summary>Percentiles of the time of one inference. They are never averaged: histograms are merged instead.</summary>
/// <param name="P50">Median.</param>
/// <param name="P95">95th percentile.</param>
/// <param name="P99">99th percentile.</param>
public sealed record LatencySummary(
    [property: JsonPropertyName("p50Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P50,
    [property: JsonPropertyName("p95Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P95,
    [property: JsonPropertyName("p99Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan P99)
{
    /// <summary>The same from milliseconds; what no time span holds becomes the longest.</summary>
    public static LatencySummary OfMilliseconds(double p50, double p95, double p99) => new(Span(p50), Span(p95), Span(p99));

    private static TimeSpan Span(double milliseconds)
        => Math.Abs(milliseconds) < TimeSpan.MaxValue.TotalMilliseconds
            ? TimeSpan.FromTicks((long)Math.Round(milliseconds * TimeSpan.TicksPerMillisecond))
            : TimeSpan.MaxValue;
}
