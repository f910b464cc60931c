using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Telemetry;

/// <summary>
/// A mergeable histogram of durations: every octave of microseconds is cut into 16 equal buckets, so that a percentile read
/// from it is at most 1/16 too high at any scale, and two histograms merge by adding counts (the layout of HdrHistogram).
/// </summary>
public sealed record LatencyHistogram : IJsonOnDeserialized
{
    private const int SubBucketBits = 4;
    private const int SubBuckets = 1 << SubBucketBits;

    /// <summary>The bucket of the longest duration there is.</summary>
    public static readonly int LastBucket = BucketOf(TimeSpan.MaxValue);

    /// <summary>Most durations one bucket holds on the wire: a million batches merge without the sum overflowing.</summary>
    public const long MaximumCount = 1_000_000_000_000;

    /// <summary>Indexes of the buckets that hold something, ascending.</summary>
    public IReadOnlyList<int> Buckets { get; set; } = [];

    /// <summary>How many durations each of <see cref="Buckets"/> holds.</summary>
    public IReadOnlyList<long> Counts { get; set; } = [];

    /// <summary>Durations in all.</summary>
    public long Total() => Counts.Aggregate(0L, (sum, count) => CountSum.Of(sum, count, long.MaxValue));

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
        return TimeSpan.FromTicks(
            (long)Math.Min(first + (1UL << octave) - 1, long.MaxValue / TimeSpan.TicksPerMicrosecond) * TimeSpan.TicksPerMicrosecond);
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

    /// <summary>
    /// Refuses what no histogram looks like, so that nobody who reads or merges one that was received has to look again.
    /// </summary>
    void IJsonOnDeserialized.OnDeserialized()
    {
        if (Buckets.Count != Counts.Count)
            throw new JsonException(
                $"A histogram has {Buckets.Count} buckets and {Counts.Count} counts; it needs as many of one as of the other.");
        for (var i = 0; i < Buckets.Count; i++)
        {
            if (Buckets[i] < 0 || Buckets[i] > LastBucket || (i > 0 && Buckets[i] <= Buckets[i - 1]))
                throw new JsonException($"Bucket {Buckets[i]} of a histogram is out of order or beyond 0..{LastBucket}.");
            if (Counts[i] is < 0 or > MaximumCount)
                throw new JsonException($"Count {Counts[i]} of a histogram is beyond 0..{MaximumCount}.");
        }
    }

    /// <summary>Both together.</summary>
    public LatencyHistogram Merge(LatencyHistogram other)
    {
        var merged = new SortedDictionary<int, long>();
        foreach (var histogram in (ReadOnlySpan<LatencyHistogram>)[this, other])
        {
            for (var i = 0; i < histogram.Buckets.Count; i++)
                merged[histogram.Buckets[i]]
                    = CountSum.Of(merged.GetValueOrDefault(histogram.Buckets[i]), histogram.Counts[i], long.MaxValue);
        }
        return new LatencyHistogram { Buckets = [.. merged.Keys], Counts = [.. merged.Values] };
    }
}
