using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Telemetry;

/// <summary>Tells news from the usual: a batch in which nothing but counts changed may wait for others to share a message with.</summary>
internal sealed class TelemetryPace
{
    /// <summary>Inferences from which on a median is more than chance.</summary>
    private const int EnoughInferences = 20;

    /// <summary>Buckets that a median moves before it is news: four sixteenths of an octave, 25 to 50 %.</summary>
    private const int MedianBuckets = 4;

    private Dictionary<(string Model, int Version, string Variant), int?>? _known;

    /// <summary>True for the first batch, an error, another model or variant, and a median time that moved.</summary>
    public bool IsUrgent(TelemetryBatch batch)
    {
        var before = _known;
        _known = before ?? [];
        var urgent = before is null;
        foreach (var stats in batch.Models)
        {
            var key = (stats.Model, stats.Version, stats.Variant);
            int? median = stats.Latency.Total() >= EnoughInferences ? LatencyHistogram.BucketOf(stats.Latency.Percentile(0.5)) : null;
            if (!_known.TryGetValue(key, out var usual)) urgent = true;
            if (median is { } now && usual is { } then && Math.Abs(now - then) > MedianBuckets)
            {
                urgent = true;
                usual = median;
            }
            urgent |= stats.Errors > 0;
            // The first median that can be told stays the measure until it is left: a slow drift is news in the end.
            _known[key] = usual ?? median;
        }
        return urgent;
    }

    /// <summary>
    /// The machine now, but with each figure as it was told last while it has hardly moved: what does not change costs nothing.
    /// </summary>
    public static ResourceStats Steady(ResourceStats? told, ResourceStats now) => told is null ? now : new ResourceStats
    {
        CpuUsage = Keep(told.CpuUsage, now.CpuUsage, 0.05),
        MemoryUsedBytes = Keep(told.MemoryUsedBytes, now.MemoryUsedBytes),
        AgentMemoryBytes = Keep(told.AgentMemoryBytes, now.AgentMemoryBytes),
        TemperatureCelsius = Keep(told.TemperatureCelsius, now.TemperatureCelsius, 2),
        DiskFreeBytes = Keep(told.DiskFreeBytes, now.DiskFreeBytes),
    };

    private static double? Keep(double? told, double? now, double within)
        => told is { } then && now is { } current && Math.Abs(current - then) <= within ? told : now;

    /// <summary>Bytes within a twentieth.</summary>
    private static long? Keep(long? told, long? now)
        => told is { } then && now is { } current && Math.Abs(current - then) <= then / 20 ? told : now;
}
