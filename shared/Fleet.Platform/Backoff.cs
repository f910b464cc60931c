namespace Fleet.Platform;

/// <summary>
/// Exponential back-off with full jitter: a wait drawn evenly between nothing and a bound that doubles. A fleet that lost its server
/// at the same moment does not come back at the same moment
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
/// </summary>
public static class Backoff
{
    /// <summary>The wait before the next try.</summary>
    /// <param name="random">Where chance comes from.</param>
    /// <param name="failures">Tries in a row that failed, from 1.</param>
    /// <param name="first">Bound after the first.</param>
    /// <param name="maximum">Largest bound.</param>
    public static TimeSpan Next(Random random, int failures, TimeSpan first, TimeSpan maximum)
        => random.NextDouble() * Bound(failures, first, maximum);

    /// <summary>The longest that <see cref="Next"/> may draw: <paramref name="first"/> doubled for each further failure.</summary>
    public static TimeSpan Bound(int failures, TimeSpan first, TimeSpan maximum)
    {
        // Past 40 doublings every sensible pair is at its maximum; stopping there keeps the product finite.
        var doubled = first.Ticks * Math.Pow(2, Math.Clamp(failures - 1, 0, 40));
        return TimeSpan.FromTicks((long)Math.Min(doubled, maximum.Ticks));
    }
}
