using Fleet.Contracts.Builds;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Http;

/// <summary>POST /api/v1/worker/leases: a worker asks for work.</summary>
public sealed record LeaseRequest(string Worker);

/// <summary>The answer, or 204 when there is nothing to do. The lease lapses unless progress is sent within its time.</summary>
/// <param name="BuildId">The build.</param>
/// <param name="LeaseId">Names this attempt: a report under a lapsed lease is refused.</param>
/// <param name="Spec">What to do.</param>
/// <param name="RenewWithin">How soon progress must be sent.</param>
/// <param name="Measured">What devices of the spec's profiles measured of other networks; absent where none did.</param>
public sealed record LeaseResponse(
    string BuildId, string LeaseId, BuildSpec Spec, TimeSpan RenewWithin, IReadOnlyList<MeasuredForm>? Measured = null);

/// <summary>POST /api/v1/worker/builds/{id}/progress.</summary>
public sealed record ProgressRequest(string LeaseId, BuildProgress Progress);

/// <summary>POST /api/v1/worker/builds/{id}/complete: the artifacts it names were uploaded before.</summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="Report">The report.</param>
/// <param name="Page">The report as one self-contained HTML page.</param>
public sealed record CompleteRequest(string LeaseId, BuildReport Report, string Page);

/// <summary>POST /api/v1/worker/builds/{id}/fail.</summary>
public sealed record FailRequest(string LeaseId, string Reason);

/// <summary>
/// POST /api/v1/worker/builds/{id}/timings: has the device that the spec names time files, which were uploaded before. The same request
/// again asks what came of it.
/// </summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="Files">What is timed, 1 to <see cref="Limits.TimingsPerOrder"/>; other files take the place of an earlier request.</param>
public sealed record TimingRequest(string LeaseId, IReadOnlyList<TimedFile> Files);

/// <summary>The answer: how far the device is.</summary>
/// <param name="IsOver">True when nothing more comes.</param>
/// <param name="Problem">Why nothing more comes though files are missing, in a sentence.</param>
/// <param name="Timings">What the device has said.</param>
public sealed record TimingView(bool IsOver, IReadOnlyList<ReportedTiming> Timings, string? Problem = null);
