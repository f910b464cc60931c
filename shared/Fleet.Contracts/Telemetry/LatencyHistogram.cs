using System.Numerics;

namespace Fleet.Contracts.Telemetry;

/// <summary>
/// A mergeable histogram of durations: every octave of microseconds is cut into 16 equal buckets, so that a percentile read
/// from it is at most 1/16 too high at any scale, and two histograms merge by adding counts (the layout of HdrHistogram).
/// </summary>
public sealed record LatencyHistogram
{
    private const int SubBucketBits = 4;
    private const int SubBuckets = 1 << SubBucketBits;

    /// <summary>Indexes of the buckets that hold something, ascending.</summary>
    public IReadOnlyList<int> Buckets { get; set; } = [];

    /// <summary>How many durations each of <see cref="Buckets"/> holds.</summary>
    public IReadOnlyList<long> Counts { get; set; } = [];

    /// <summary>Durations in all.</summary>
    public long Total() => Counts.Sum();

    /// <summary>The bucket of a duration. Below 16 µs a bucket is one microsecond wide.</summary>
    public static int BucketOf(TimeSpan duration)
    {
        var microseconds = (ulong)Math.Max(0, duration.Ticks / TimeSpan.TicksPerMicrosecond);
        if (microseconds < SubBuckets) return (int)microseconds;
        var octave = BitOperations.Log2(microseconds) - SubBucketBits;
        return ((octave + 1) << SubBucketBits) + (int)((microseconds >> octave) - SubBuckets);
    }

    /// <summary>The longest duration a bucket holds.</summary>
    public static TimeSpan UpperBoundOf(int bucket)
    {
        if (bucket < SubBuckets) return TimeSpan.FromMicroseconds(bucket);
        var octave = (bucket >> SubBucketBits) - 1;
        var first = (ulong)(SubBuckets + (bucket & (SubBuckets - 1))) << octave;
        return TimeSpan.FromTicks((long)Math.Min(first + (1UL << octave) - 1, long.MaxValue / TimeSpan.TicksPerMicrosecond) * TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>The duration that a share <paramref name="quantile"/> (0 to 1) of all durations does not exceed; zero when empty.</summary>
    public TimeSpan Percentile(double quantile)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(quantile * Total()));
        for (var i = 0; i < Buckets.Count; i++)
        {
            if ((rank -= Counts[i]) <= 0) return UpperBoundOf(Buckets[i]);
        }
        return TimeSpan.Zero;
    }

    /// <summary>Both together.</summary>
    public LatencyHistogram Merge(LatencyHistogram other)
    {
        var merged = new SortedDictionary<int, long>();
        foreach (var histogram in (ReadOnlySpan<LatencyHistogram>)[this, other])
        {
            for (var i = 0; i < Math.Min(histogram.Buckets.Count, histogram.Counts.Count); i++)
                merged[histogram.Buckets[i]] = merged.GetValueOrDefault(histogram.Buckets[i]) + histogram.Counts[i];
        }
        return new LatencyHistogram { Buckets = [.. merged.Keys], Counts = [.. merged.Values] };
    }
}
