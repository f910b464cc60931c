using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>
/// What the inference host has handed over and telemetry has not taken yet. It lives in the agent, so that a host that dies takes
/// at most one heart-beat's statistics with it.
/// </summary>
internal sealed class StatisticsLedger
{
    private readonly Lock _lock = new();
    private Dictionary<(string Model, int Version, string Variant), InferenceStats> _entries = [];

    /// <summary>Adds what one drain of the host found.</summary>
    public void Add(IEnumerable<InferenceStats> statistics)
    {
        lock (_lock)
        {
            foreach (var entry in statistics)
            {
                var key = (entry.Model, entry.Version, entry.Variant);
                _entries[key] = _entries.TryGetValue(key, out var known) ? Sum(known, entry) : entry;
            }
        }
    }

    /// <summary>Everything since the last call.</summary>
    public IReadOnlyList<InferenceStats> Drain()
    {
        lock (_lock)
        {
            InferenceStats[] drained = [.. _entries.Values];
            _entries = [];
            return drained;
        }
    }

    private static InferenceStats Sum(InferenceStats one, InferenceStats other) => one with
    {
        Count = one.Count + other.Count,
        Errors = one.Errors + other.Errors,
        Latency = one.Latency.Merge(other.Latency),
        Classes = Sum(one.Classes, other.Classes),
        Confidence = Sum(one.Confidence, other.Confidence),
        Values = ValueStats.Merge(one.Values, other.Values),
        Boxes = one.Boxes is { } boxes && other.Boxes is { } more ? boxes.Merge(more) : one.Boxes ?? other.Boxes,
    };

    private static long[] Sum(IReadOnlyList<long> one, IReadOnlyList<long> other)
    {
        var sum = new long[Math.Max(one.Count, other.Count)];
        for (var i = 0; i < sum.Length; i++)
            sum[i] = (i < one.Count ? one[i] : 0) + (i < other.Count ? other[i] : 0);
        return sum;
    }
}
