using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Server.Builds;

/// <summary>How a build moves from queued to its end. Pure; null means that the move is refused.</summary>
internal static class BuildRules
{
    /// <summary>The build under a new lease, if it waits for one.</summary>
    /// <param name="build">The build.</param>
    /// <param name="lease">The lease, which ends some time after <paramref name="now"/>.</param>
    /// <param name="now">When.</param>
    public static Build? Lease(Build build, BuildLease lease, DateTimeOffset now)
        => build.Status != BuildStatus.Queued ? null : build with
        {
            Status = BuildStatus.Running,
            Progress = new BuildProgress("started", 0),
            Attempts = build.Attempts + 1,
            StartedAt = now,
            Lease = lease,
        };

    /// <summary>The build after its worker said how far it is, which also renews the lease.</summary>
    public static Build? Advance(Build build, string leaseId, BuildProgress progress, DateTimeOffset now, TimeSpan leaseTime)
        => !Holds(build, leaseId, now) ? null : build with
        {
            // A later step may know better than the one before, but a bar that jumps back only confuses.
            Progress = new BuildProgress(
            Limits.Detail(progress.Step), Math.Max(
                build.Progress?.Fraction ?? 0, double.IsFinite(progress.Fraction) ? Math.Clamp(progress.Fraction, 0, 1) : 0)),
            Lease = build.Lease! with { ExpiresAt = now + leaseTime },
        };

    /// <summary>The build with its result.</summary>
    /// <param name="build">The build.</param>
    /// <param name="leaseId">The lease that speaks.</param>
    /// <param name="result">What came out.</param>
    /// <param name="now">When.</param>
    public static Build? Complete(
        Build build, string leaseId, BuildResult result, DateTimeOffset now) => !Holds(build, leaseId, now) ? null : build with
        {
            Status = result.Failure is null ? BuildStatus.Succeeded : BuildStatus.Failed,
            Progress = new BuildProgress("done", 1),
            FinishedAt = now,
            Failure = result.Failure,
            ReportSha256 = result.ReportSha256,
            PageSha256 = result.PageSha256,
        };

    /// <summary>Why nothing of a report can be released; null when something can.</summary>
    public static string? WhyNothingToRelease(BuildReport report)
    {
        if (report.Variants.Any(variant => variant.Accepted)) return null;
        var reasons = report.Variants.Select(
            variant => $"{variant.Id}: {(variant.Reasons.Count > 0 ? string.Join(' ', variant.Reasons) : "rejected.")}");
        return Limits.Detail($"No variant was accepted; the report shows what was measured. {string.Join(' ', reasons)}");
    }

    /// <summary>The build with the reason its worker gave up.</summary>
    public static Build? Fail(
        Build build, string leaseId, string reason, DateTimeOffset now) => !Holds(build, leaseId, now) ? null : build with
        {
            Status = BuildStatus.Failed,
            FinishedAt = now,
            Failure = Limits.Detail(string.IsNullOrWhiteSpace(reason) ? "The worker gave no reason." : reason),
        };

    /// <summary>The build cancelled by an operator.</summary>
    public static Build? Cancel(Build build, DateTimeOffset now) => build.IsOver ? null : build with
    {
        Status = BuildStatus.Cancelled,
        FinishedAt = now,
        Failure = "Cancelled by an operator.",
    };

    /// <summary>
    /// The build after its lease lapsed: queued again at its old place, or failed when that happened too often. Null while the
    /// lease holds. A worker that dies silently three times is killed by the build itself, mostly for lack of memory.
    /// </summary>
    public static Build? Lapse(Build build, DateTimeOffset now, int maximumAttempts)
    {
        if (build is not { Status: BuildStatus.Running, Lease: { } lease } || now < lease.ExpiresAt) return null;
        var where = $"{build.Progress?.Step ?? "started"} ({build.Progress?.Fraction ?? 0:P0})";
        return build.Attempts < maximumAttempts
            ? build with
            {
                Status = BuildStatus.Queued,
                Progress = null,
                Lease = null,
                StartedAt = null,
                Failure = $"Worker {lease.Worker} fell silent at: {where}. Queued again.",
            }
            : build with
            {
                Status = BuildStatus.Failed,
                FinishedAt = now,
                Failure = $"The worker died {build.Attempts} times, the last time at: {where}. See the log of worker {lease.Worker}; a "
                    + $"build that needs more memory than the machine has ends like this.",
            };
    }

    /// <summary>True when that lease may still speak for the build.</summary>
    public static bool Holds(Build build, string leaseId, DateTimeOffset now)
        => build is { Status: BuildStatus.Running, Lease: { } lease } && lease.Id == leaseId && now < lease.ExpiresAt;

    /// <summary>Why a lease is not heard, for the worker's log.</summary>
    public static string WhyNotHeld(Build build, string leaseId) => build switch
    {
        { Status: BuildStatus.Cancelled } => $"Build {build.Id} was cancelled.",
        { IsOver: true } => $"Build {build.Id} has ended: {build.Status.ToWords()}.",
        { Lease: { } lease } when lease.Id == leaseId => $"The lease of build {build.Id} lapsed at {lease.ExpiresAt:u}.",
        _ => $"Build {build.Id} is not held by this lease.",
    };
}
