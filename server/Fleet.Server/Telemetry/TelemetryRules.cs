using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Telemetry;

/// <summary>Which batches are taken. Pure.</summary>
internal static class TelemetryRules
{
    private const int ConfidenceTenths = 10;

    /// <summary>Classes of all models of a device, in a batch and in a day: each is a number for every minute of a page.</summary>
    public const int MostClasses = 65_536;

    private const int MostValues = 16;
    private const long LargestSequence = 1L << 53;
    private const long MostBytes = 1L << 60;
    private const double ColdestCelsius = -273.15;
    private const double HottestCelsius = 1000;

    /// <summary>The last bucket a histogram has: that of the longest time span.</summary>
    private static readonly int LastBucket = LatencyHistogram.BucketOf(TimeSpan.MaxValue);

    /// <summary>Why a batch is not taken; null when it is. Counts that contradict each other would spoil every sum they go into.</summary>
    public static string? ProblemOf(TelemetryBatch batch)
    {
        if (batch.Sequence is < 0 or > LargestSequence) return $"sequence {batch.Sequence} is beyond 0..{LargestSequence}";
        if (batch.To < batch.From) return $"it ends at {batch.To:u}, before it begins at {batch.From:u}";
        if (batch.Models.Count > Limits.ModelsPerDevice)
            return $"it names {batch.Models.Count} models; a device runs at most {Limits.ModelsPerDevice}";
        if (batch.Models.Sum(stats => (long)stats.Classes.Count) is > MostClasses and var classes && batch.Models.Count > 1)
            return $"its models count {classes} classes; at most {MostClasses} are kept";
        return batch.Models.Select(ProblemOf).FirstOrDefault(problem => problem is not null)
            ?? (batch.Resources is { } machine ? ProblemOf(machine) : null);
    }

    private static string? ProblemOf(InferenceStats stats)
    {
        if (!Names.IsName(stats.Model)) return $"model '{stats.Model}' must be {Names.Rule}";
        if (!Names.IsName(stats.Variant)) return $"variant '{stats.Variant}' of {stats.Model} must be {Names.Rule}";
        if (stats.Version < 0) return $"version {stats.Version} of {stats.Model} is negative";
        if (stats.Count < 0 || stats.Errors < 0) return $"the counts of {stats.Model} are negative";
        if (CountsOf(stats).Any(count => count > LatencyHistogram.MaximumCount))
            return $"a count of {stats.Model} is beyond {LatencyHistogram.MaximumCount:N0}";
        if (stats.Classes.Count > MostClasses)
            return $"{stats.Model} counts {stats.Classes.Count} classes; at most {MostClasses} are kept";
        if (stats.Values is { Count: > MostValues })
            return $"{stats.Model} tallies {stats.Values.Count} values; at most {MostValues} are kept";
        if (ValuesOf(stats).Any(value => value.Count is < 0 or > LatencyHistogram.MaximumCount
            || value.Deviation < 0 || value.Minimum > value.Maximum))
            return $"the values of {stats.Model} have a count, a deviation or a range that cannot be";
        if (ProblemOf(stats.Model, stats.Latency) is { } problem) return problem;
        if (stats.Latency.Counts.Any(count => count > LatencyHistogram.MaximumCount))
            return $"a count in the histogram of {stats.Model} is beyond {LatencyHistogram.MaximumCount:N0}";
        if (stats.Latency.Counts.Concat(stats.Classes).Concat(stats.Confidence).Any(count => count < 0))
            return $"a count of {stats.Model} is below zero";
        if (stats.Confidence.Count is not (0 or ConfidenceTenths))
            return $"the confidence of {stats.Model} has {stats.Confidence.Count} counts; it must have {ConfidenceTenths} or none";
        return null;
    }

    private static string? ProblemOf(ResourceStats machine)
    {
        if (machine.CpuUsage is < 0 or > 1) return $"its share of processors in use, {machine.CpuUsage}, is beyond 0..1";
        if (machine.TemperatureCelsius is < ColdestCelsius or > HottestCelsius)
            return $"its temperature of {machine.TemperatureCelsius} degrees is beyond {ColdestCelsius}..{HottestCelsius}";
        long?[] bytes = [machine.MemoryUsedBytes, machine.AgentMemoryBytes, machine.DiskFreeBytes];
        return bytes.FirstOrDefault(one => one is < 0 or > MostBytes) is { } beyond
            ? $"{beyond} bytes of the machine are beyond 0..{MostBytes}"
            : null;
    }

    private static string? ProblemOf(string model, LatencyHistogram latency)
    {
        if (latency.Buckets.Count != latency.Counts.Count)
            return $"the histogram of {model} has {latency.Buckets.Count} buckets and {latency.Counts.Count} counts";
        if (latency.Buckets.Any(bucket => bucket < 0 || bucket > LastBucket))
            return $"the histogram of {model} has a bucket beyond {LastBucket}";
        return latency.Buckets.Zip(latency.Buckets.Skip(1)).Any(pair => pair.First >= pair.Second)
            ? $"the buckets of {model} do not ascend"
            : null;
    }

    private static IEnumerable<long> CountsOf(InferenceStats stats)
        => stats.Classes.Concat(stats.Confidence).Append(stats.Count).Append(stats.Errors);

    private static IEnumerable<ValueStats> ValuesOf(InferenceStats stats)
        => (stats.Values ?? []).Concat(stats.Boxes is { } boxes ? [boxes.Number, boxes.Size] : []);
}
