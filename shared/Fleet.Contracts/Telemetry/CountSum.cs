namespace Fleet.Contracts.Telemetry;

/// <summary>
/// Sums of counts that never run over: a device may send any number, and one of them must not spoil a page or an answer for others. A sum
/// stays at its bound, a count below zero adds nothing.
/// </summary>
public static class CountSum
{
    /// <summary>Both together, as they go on the wire.</summary>
    public static long Of(long left, long right) => Of(left, right, LatencyHistogram.MaximumCount);

    /// <summary>All of them together, as they go on the wire.</summary>
    public static long Of(IEnumerable<long> counts) => counts.Aggregate(0L, Of);

    /// <summary>Both together, at most <paramref name="most"/>.</summary>
    public static long Of(long left, long right, long most)
    {
        var (one, other) = (Math.Clamp(left, 0, most), Math.Clamp(right, 0, most));
        return one > most - other ? most : one + other;
    }
}
