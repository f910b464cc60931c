using Fleet.Contracts.Builds;

namespace Fleet.Server.Builds;

/// <summary>One run from teacher to variants, as it is stored.</summary>
internal sealed record Build
{
    /// <summary>Its id; ids sort by the time they were made.</summary>
    public required string Id { get; init; }

    /// <summary>What was asked; never changes.</summary>
    public required BuildSpec Spec { get; init; }

    /// <summary>Where it stands.</summary>
    public BuildStatus Status { get; init; } = BuildStatus.Queued;

    /// <summary>How far the worker is.</summary>
    public BuildProgress? Progress { get; init; }

    /// <summary>Why it failed or was cancelled.</summary>
    public string? Failure { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the worker that holds or ended it began; null while it waits.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Leases given out so far.</summary>
    public int Attempts { get; init; }

    /// <summary>The lease that holds it, or that ended it: a worker whose answer got lost may say the same again.</summary>
    public BuildLease? Lease { get; init; }

    /// <summary>Digest of the report, an artifact of its own.</summary>
    public string? ReportSha256 { get; init; }

    /// <summary>Digest of the report as a page.</summary>
    public string? PageSha256 { get; init; }

    /// <summary>The release made from it.</summary>
    public int? ReleasedVersion { get; init; }

    /// <summary>True once nothing changes it any more.</summary>
    public bool IsOver => Status is BuildStatus.Succeeded or BuildStatus.Failed or BuildStatus.Cancelled;
}

/// <summary>A worker's right to a build.</summary>
/// <param name="Id">Names this attempt.</param>
/// <param name="Worker">Who holds it, as it calls itself.</param>
/// <param name="ExpiresAt">When it lapses unless it is renewed.</param>
/// <param name="Key">The API key that it asked with; null of a lease from before that was noted.</param>
internal sealed record BuildLease(string Id, string Worker, DateTimeOffset ExpiresAt, string? Key = null);

/// <summary>
/// Marks a build that is queued or running, under the build's own id: the queue, read without reading every build there ever was.
/// </summary>
/// <param name="Build">The build.</param>
internal sealed record OpenBuild(string Build);
