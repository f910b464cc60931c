using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Canary;

/// <summary>What one device's model did over a time, in the figures that a canary compares.</summary>
internal sealed record Measure
{
    /// <summary>Requests, those that failed included.</summary>
    public required double Requests { get; init; }

    /// <summary>Requests that failed.</summary>
    public required double Errors { get; init; }

    /// <summary>The quantile of the time of an inference, in seconds; null when none was timed.</summary>
    public double? Latency { get; init; }

    /// <summary>Mean confidence, 0 to 1; null when the model tells none.</summary>
    public double? Confidence { get; init; }

    /// <summary>Share of each class among the decisions; empty when the model is not a classifier.</summary>
    public IReadOnlyList<double> Classes { get; init; } = [];

    /// <summary>Means and deviations of what it answers in numbers; empty when it does not.</summary>
    public IReadOnlyList<ValueStats> Values { get; init; } = [];

    /// <summary>Merges what a device sent for each minute.</summary>
    /// <param name="minutes">The minutes.</param>
    /// <param name="quantile">Which quantile of the latency is meant.</param>
    public static Measure Of(IReadOnlyCollection<InferenceStats> minutes, double quantile)
    {
        var errors = minutes.Sum(minute => (double)minute.Errors);
        return new Measure
        {
            Requests = minutes.Sum(minute => (double)minute.Count) + errors,
            Errors = errors,
            Latency = LatencyOf(minutes, quantile),
            Confidence = ConfidenceOf(Sum(minutes.Select(minute => minute.Confidence))),
            Classes = Shares(Sum(minutes.Select(minute => minute.Classes))),
            Values = [.. minutes.Select(ValuesOf).Aggregate((IReadOnlyList<ValueStats>?)null, ValueStats.Merge) ?? []],
        };
    }

    private static IReadOnlyList<ValueStats> ValuesOf(InferenceStats minute)
        => minute.Boxes is { } boxes ? [boxes.Number] : minute.Values ?? [];

    /// <summary>The quantile, between the bounds of its bucket by the place it has there: steps of a sixteenth would tie devices.</summary>
    private static double? LatencyOf(IEnumerable<InferenceStats> minutes, double quantile)
    {
        var counts = new SortedDictionary<int, double>();
        foreach (var histogram in minutes.Select(minute => minute.Latency))
        {
            for (var i = 0; i < histogram.Buckets.Count; i++)
                counts[histogram.Buckets[i]] = counts.GetValueOrDefault(histogram.Buckets[i]) + histogram.Counts[i];
        }
        var rank = quantile * counts.Values.Sum();
        foreach (var (bucket, count) in counts)
        {
            if (rank <= count && count > 0)
            {
                var lower = bucket == 0 ? 0 : LatencyHistogram.UpperBoundOf(bucket - 1).TotalSeconds;
                return lower + (LatencyHistogram.UpperBoundOf(bucket).TotalSeconds - lower) * (rank / count);
            }
            rank -= count;
        }
        return null;
    }

    private static double? ConfidenceOf(double[] tenths)
    {
        var total = tenths.Sum();
        return total > 0 ? tenths.Index().Sum(tenth => tenth.Item * (tenth.Index + 0.5) / tenths.Length) / total : null;
    }

    private static double[] Shares(double[] counts)
    {
        var total = counts.Sum();
        return total > 0 ? [.. counts.Select(count => count / total)] : [];
    }

    private static double[] Sum(IEnumerable<IReadOnlyList<long>> counts)
    {
        var sums = new List<double>();
        foreach (var each in counts)
        {
            while (sums.Count < each.Count) sums.Add(0);
            for (var i = 0; i < each.Count; i++) sums[i] += each[i];
        }
        return [.. sums];
    }
}

/// <summary>A device's figures before a wave opened, and over the window in which a candidate served.</summary>
/// <param name="Before">What it did with the incumbent release.</param>
/// <param name="After">What it did in the window: a candidate with the new release, an incumbent with the old one.</param>
internal sealed record Reading(Measure Before, Measure After);
