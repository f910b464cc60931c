namespace Fleet.Server.Artifacts;

/// <summary>When an artifact that nobody names may go. Pure.</summary>
internal static class SweepRules
{
    /// <summary>Nothing goes sooner, whoever asks: what is named within a request was claimed in it.</summary>
    public static readonly TimeSpan ShortestGrace = TimeSpan.FromHours(1);

    /// <summary>Longer is not meant: whoever asks for more wants nothing removed.</summary>
    public static readonly TimeSpan LongestGrace = TimeSpan.FromDays(3650);

    /// <summary>
    /// Since when a file is unused: since a look found it so, or it was written or taken again later. What seems to come from the future
    /// begins now, so that a clock that was set back keeps nothing for years.
    /// </summary>
    /// <param name="found">When a look first found it unused; null when this one does.</param>
    /// <param name="writtenAt">When it was written or taken last.</param>
    /// <param name="now">The moment of the look.</param>
    public static DateTimeOffset UnusedSince(DateTimeOffset? found, DateTimeOffset writtenAt, DateTimeOffset now)
    {
        var since = found > writtenAt ? found.Value : found is null ? now : writtenAt;
        return since > now ? now : since;
    }

    /// <summary>True when it has been unused for long enough.</summary>
    public static bool MayGo(DateTimeOffset unusedSince, TimeSpan grace, DateTimeOffset now) => unusedSince + grace <= now;
}
