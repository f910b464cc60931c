using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Canary;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The time in which a candidate is read, and the hour it is compared with. Pure.</summary>
/// <param name="Plan">The rollout's plan.</param>
/// <param name="Version">The release that a candidate serves.</param>
/// <param name="Opened">
/// When the candidate's wave opened: the hour before is the time with the old release. It is later for a device that took the release so
/// late that minutes are not kept from then.
/// </param>
internal sealed record CanaryWindow(RolloutPlan Plan, int Version, DateTimeOffset Opened)
{
    /// <summary>How long before its wave a device's own figures are read.</summary>
    public static readonly TimeSpan Before = TimeSpan.FromHours(1);

    /// <summary>
    /// How long what others did in the window is waited for: agents send batches without news by thirties, which takes five minutes unless
    /// they are told to measure seldom.
    /// </summary>
    private static readonly TimeSpan Lag = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// <summary>Its first minute.</summary>
    public DateTimeOffset From { get; init; }

    /// <summary>One past its last minute.</summary>
    public DateTimeOffset To { get; init; }

    /// <summary>The window of a device whose wave opened then; the oldest hour that is kept stands in for one that is gone.</summary>
    public static CanaryWindow Of(RolloutPlan plan, int version, DateTimeOffset opened, DateTimeOffset now)
    {
        var oldest = now - IFleetStore.MinutesKept + Before;
        return new CanaryWindow(plan, version, opened < oldest ? oldest : opened);
    }

    /// <summary>How long a device that answers few requests is waited for.</summary>
    public static TimeSpan Patience(CanaryPlan plan) => 4 * plan.Window + TimeSpan.FromMinutes(30);

    /// <summary>
    /// With the minutes in which the candidate served the release, from the first whole one until window and requests are full; null while
    /// they are not, or when the device has sent nothing since.
    /// </summary>
    /// <param name="minutes">What the candidate did, in order of time.</param>
    /// <param name="now">A minute that ended a while ago is whole, also when nothing follows it.</param>
    public CanaryWindow? End(IReadOnlyList<Rollup> minutes, DateTimeOffset now)
    {
        if (minutes.FirstOrDefault(minute => minute.Stats.Version == Version && minute.From >= Opened - Minute) is not { } first)
            return null;
        var from = first.From + Minute;
        double requests = 0;
        foreach (var minute in minutes.Where(minute => minute.From >= from))
        {
            var isWhole = minute.From < minutes[^1].From || minute.From + 3 * Minute <= now;
            requests += minute.Stats.Count + minute.Stats.Errors;
            if (isWhole && minute.From + Minute >= from + Plan.Canary.Window && requests >= Plan.Canary.MinimumRequests)
                return this with { From = from, To = minute.From + Minute };
        }
        return null;
    }

    /// <summary>
    /// False while most of those that answered requests before have not told yet what they did in the window. Errors are told at once and
    /// calm is not: those who are heard first are not a fair sample.
    /// </summary>
    /// <param name="incumbents">What each did, in order of time.</param>
    /// <param name="now">Nobody is waited for forever.</param>
    public bool IsHeard(IEnumerable<IReadOnlyList<Rollup>> incumbents, DateTimeOffset now)
    {
        if (now >= To + Lag) return true;
        var newest = incumbents.Where(minutes => minutes.Any(minute => minute.From >= Opened - Before && minute.From < Opened))
            .Select(minutes => minutes[^1].From).ToList();
        return 2 * newest.Count(from => from >= To - Minute) >= newest.Count;
    }

    /// <summary>
    /// A device's figures before and in the window; null when it has too few, or served another release meanwhile. Before are those of the
    /// release that it served last: what it did with an older one does not count, and a device that waits must serve the same still.
    /// </summary>
    /// <param name="minutes">What it did, in order of time.</param>
    /// <param name="isCandidate">True when it should serve the new release in the window, false when it should not.</param>
    public Reading? Read(IReadOnlyList<Rollup> minutes, bool isCandidate)
    {
        var earlier = Between(minutes, Opened - Before, Opened - Minute).Where(minute => minute.Version != Version).ToList();
        if (earlier.Count == 0) return null;
        var former = earlier[^1].Version;
        var window = Between(minutes, From, To);
        if (window.Any(minute => minute.Version != (isCandidate ? Version : former))) return null;
        var reading = new Reading(
            Measure.Of([.. earlier.Where(minute => minute.Version == former)], Plan.Canary.LatencyQuantile),
            Measure.Of(window, Plan.Canary.LatencyQuantile));
        return Math.Min(reading.Before.Requests, reading.After.Requests) < Plan.Canary.MinimumRequests ? null : reading;
    }

    private static List<InferenceStats> Between(IReadOnlyList<Rollup> minutes, DateTimeOffset from, DateTimeOffset to)
        => [.. minutes.Where(minute => minute.From >= from && minute.From < to).Select(minute => minute.Stats)];
}
