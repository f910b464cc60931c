namespace Fleet.Modeling.Worker;

/// <summary>How long to wait before a further try: doubled each time up to a maximum, and spread, so that workers do not return all at once.</summary>
internal static class Backoff
{
    /// <param name="failures">Tries that failed so far, from 1.</param>
    /// <param name="first">Wait after the first.</param>
    /// <param name="maximum">Longest wait.</param>
    /// <param name="random">Spreads it over the upper half.</param>
    public static TimeSpan Delay(int failures, TimeSpan first, TimeSpan maximum, Random random)
    {
        // Past 30 doublings every sensible pair is at its maximum; stopping there keeps the product finite.
        var whole = Math.Min(maximum.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 30)));
        return TimeSpan.FromMilliseconds(whole * (0.5 + random.NextDouble() / 2));
    }
}
