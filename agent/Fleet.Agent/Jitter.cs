namespace Fleet.Agent;

/// <summary>
/// Exponential back-off with full jitter: a wait drawn evenly between nothing and a bound that doubles. A fleet that lost its server
/// at the same moment does not come back at the same moment
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
/// </summary>
internal static class Jitter
{
    /// <summary>The wait after <paramref name="failures"/> failures in a row, from 1.</summary>
    public static TimeSpan Next(Random random, int failures, TimeSpan first, TimeSpan maximum)
    {
        var bound = Math.Min(first.Ticks * Math.Pow(2, Math.Clamp(failures - 1, 0, 40)), maximum.Ticks);
        return TimeSpan.FromTicks((long)(random.NextDouble() * bound));
    }
}
