using System.Text.Json.Serialization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Http;

// ---- errors ---------------------------------------------------------------------------------------------------------

/// <summary>An RFC 9457 problem: what every refused request answers with.</summary>
/// <param name="Title">One sentence.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="Problems">Every rule that was broken, a sentence each.</param>
public sealed record ApiProblem(string Title, int Status, IReadOnlyList<string> Problems);

// ---- enrollment -----------------------------------------------------------------------------------------------------

/// <summary>POST /api/v1/tokens: asks for a join token.</summary>
/// <param name="Uses">Devices it may enroll.</param>
/// <param name="ValidFor">How long it is valid.</param>
/// <param name="Labels">Labels every device enrolled with it gets.</param>
public sealed record CreateTokenRequest(int Uses, TimeSpan ValidFor, IReadOnlyDictionary<string, string>? Labels = null);

/// <summary>The answer: the only time the token itself is shown.</summary>
/// <param name="Id">Names it from now on.</param>
/// <param name="Token">The token.</param>
/// <param name="ExpiresAt">When it stops being valid.</param>
/// <param name="Server">Where a device shows it, as devices reach the server; null of a server before 0.2.</param>
public sealed record CreateTokenResponse(string Id, string Token, DateTimeOffset ExpiresAt, string? Server = null);

/// <summary>GET /api/v1/tokens: a token without its secret.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Uses">Devices it may enroll.</param>
/// <param name="Used">Devices it has enrolled.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it stops being valid.</param>
/// <param name="Revoked">True when an operator withdrew it.</param>
/// <param name="Labels">Labels of every device enrolled with it.</param>
public sealed record TokenView(
    string Id, int Uses, int Used, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, bool Revoked,
    IReadOnlyDictionary<string, string>? Labels = null);

/// <summary>POST /enroll on the devices' port: a join token and a certificate signing request.</summary>
/// <param name="Token">The join token.</param>
/// <param name="DeviceId">Wanted id; the server refuses one that is taken.</param>
/// <param name="CertificateSigningRequest">PKCS#10, PEM. Only its public key is used.</param>
/// <param name="Facts">What the device is.</param>
public sealed record EnrollRequest(string Token, DeviceId DeviceId, string CertificateSigningRequest, DeviceFacts Facts);

/// <summary>The answer: what the device needs from now on.</summary>
/// <param name="Certificate">Its certificate, PEM.</param>
/// <param name="CertificateAuthority">The server's CA, PEM.</param>
/// <param name="ReleaseKeys">Keys it trusts to sign releases.</param>
/// <param name="Mqtt">Host and port of the broker.</param>
/// <param name="ServerTime">The server's clock: the first trusted time.</param>
public sealed record EnrollResponse(
    string Certificate, string CertificateAuthority, IReadOnlyList<ReleaseKey> ReleaseKeys, string Mqtt, DateTimeOffset ServerTime);

/// <summary>POST /renew on the devices' port, with the certificate that is about to expire.</summary>
public sealed record RenewRequest(string CertificateSigningRequest);

// ---- devices --------------------------------------------------------------------------------------------------------

/// <summary>GET /api/v1/devices: one device as the server knows it.</summary>
public sealed record DeviceView
{
    /// <summary>Its id.</summary>
    public required DeviceId Id { get; init; }
    /// <summary>The profile it is served; null when none matches.</summary>
    public string? Profile { get; init; }
    /// <summary>True when its facts do not match that profile: emulated, so that its latency is not the real hardware's.</summary>
    public bool ProfileEmulated { get; init; }
    /// <summary>What it is.</summary>
    public required DeviceFacts Facts { get; init; }
    /// <summary>Labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();
    /// <summary>Connected now.</summary>
    public bool Online { get; init; }
    /// <summary>True when its certificate is no longer accepted.</summary>
    public bool Revoked { get; init; }
    /// <summary>When it was enrolled.</summary>
    public DateTimeOffset EnrolledAt { get; init; }
    /// <summary>When it last said anything.</summary>
    public DateTimeOffset? LastSeenAt { get; init; }
    /// <summary>Desired revision, and the one it last answered.</summary>
    public long DesiredRevision { get; init; }
    /// <summary>The revision it last answered.</summary>
    public long ReportedRevision { get; init; }
    /// <summary>Its models.</summary>
    public IReadOnlyList<ReportedModel> Models { get; set; } = [];
}

/// <summary>PATCH /api/v1/devices/{id}/labels: labels to set; null removes.</summary>
public sealed record SetLabelsRequest(IReadOnlyDictionary<string, string?> Labels);

// ---- builds and the worker ------------------------------------------------------------------------------------------

/// <summary>GET /api/v1/builds: one build.</summary>
public sealed record BuildView
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Where it stands.</summary>
    public required BuildStatus Status { get; init; }
    /// <summary>How far it is.</summary>
    public BuildProgress? Progress { get; init; }
    /// <summary>Why it failed.</summary>
    public string? Failure { get; init; }
    /// <summary>When it was asked for.</summary>
    public DateTimeOffset CreatedAt { get; init; }
    /// <summary>When the worker that holds or ended it began.</summary>
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>True when it left a report: it succeeded, or every variant was rejected.</summary>
    public bool HasReport { get; init; }
    /// <summary>Leases given out: more than one means that a worker died.</summary>
    public int Attempts { get; init; }
    /// <summary>The worker that holds it.</summary>
    public string? Worker { get; init; }
}

/// <summary>POST /api/v1/worker/leases: a worker asks for work.</summary>
public sealed record LeaseRequest(string Worker);

/// <summary>The answer, or 204 when there is nothing to do. The lease lapses unless progress is sent within its time.</summary>
/// <param name="BuildId">The build.</param>
/// <param name="LeaseId">Names this attempt: a report under a lapsed lease is refused.</param>
/// <param name="Spec">What to do.</param>
/// <param name="RenewWithin">How soon progress must be sent.</param>
public sealed record LeaseResponse(string BuildId, string LeaseId, BuildSpec Spec, TimeSpan RenewWithin);

/// <summary>POST /api/v1/worker/builds/{id}/progress.</summary>
public sealed record ProgressRequest(string LeaseId, BuildProgress Progress);

/// <summary>POST /api/v1/worker/builds/{id}/complete: the artifacts it names were uploaded before.</summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="Report">The report.</param>
/// <param name="Page">The report as one self-contained HTML page.</param>
public sealed record CompleteRequest(string LeaseId, BuildReport Report, string Page);

/// <summary>POST /api/v1/worker/builds/{id}/fail.</summary>
public sealed record FailRequest(string LeaseId, string Reason);

// ---- releases -------------------------------------------------------------------------------------------------------

/// <summary>POST /api/v1/releases: signs the accepted variants of a build.</summary>
/// <param name="BuildId">The build.</param>
/// <param name="ValidFor">How long devices newly trust it; null for a year.</param>
public sealed record CreateReleaseRequest(string BuildId, TimeSpan? ValidFor = null);

/// <summary>GET /api/v1/releases: one release.</summary>
public sealed record ReleaseView
{
    /// <summary>The manifest that was signed.</summary>
    public required ReleaseManifest Manifest { get; init; }
    /// <summary>Key that signed it.</summary>
    public required string KeyId { get; init; }
    /// <summary>Devices it serves on now.</summary>
    public int ActiveDevices { get; init; }
}

// ---- rollouts -------------------------------------------------------------------------------------------------------

/// <summary>GET /api/v1/rollouts: one rollout.</summary>
public sealed record RolloutView
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }
    /// <summary>What was asked.</summary>
    public required RolloutPlan Plan { get; init; }
    /// <summary>Where it stands.</summary>
    public required RolloutStatus Status { get; init; }
    /// <summary>Why it stands there, when it is paused or ended early.</summary>
    public string Reason { get; set; } = "";
    /// <summary>When it began.</summary>
    public DateTimeOffset CreatedAt { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>Number of the open wave, from 1.</summary>
    public int OpenWave { get; init; }
    /// <summary>The waves.</summary>
    public IReadOnlyList<WaveView> Waves { get; set; } = [];
    /// <summary>Devices that were selected and left out.</summary>
    public IReadOnlyList<RolloutExclusion> Excluded { get; set; } = [];
    /// <summary>Devices: in the list view empty.</summary>
    public IReadOnlyList<DeviceRolloutView> Devices { get; set; } = [];
}

/// <summary>How one wave stands.</summary>
public sealed record WaveView(
    int Number, int Total, int Waiting, int Running, int Succeeded, int Failed, DateTimeOffset? OpenedAt = null,
    DateTimeOffset? FinishedAt = null);

/// <summary>One device's part in a rollout.</summary>
public sealed record DeviceRolloutView(
    DeviceId Device, int Wave, DeviceRolloutStatus Status, DeploymentPhase Phase, DeploymentFailure Failure, string Detail,
    string? Variant = null, Scores? Measured = null, DateTimeOffset? UpdatedAt = null);

// ---- telemetry ------------------------------------------------------------------------------------------------------

/// <summary>GET /api/v1/telemetry: one model on one device, or on all devices together, over the time asked, merged.</summary>
public sealed record TelemetryView
{
    /// <summary>The device; null for all devices together.</summary>
    public DeviceId? Device { get; init; }
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Release that served last.</summary>
    public int Version { get; init; }
    /// <summary>Variant that served last.</summary>
    public string Variant { get; set; } = "";
    /// <summary>Batches merged.</summary>
    public int Batches { get; init; }
    /// <summary>Requests answered.</summary>
    public long Count { get; init; }
    /// <summary>Requests refused or failed.</summary>
    public long Errors { get; init; }
    /// <summary>Percentiles of the merged histogram; null when nothing was served.</summary>
    public LatencySummary? Latency { get; init; }
    /// <summary>Decisions by class.</summary>
    public IReadOnlyList<long> Classes { get; set; } = [];
    /// <summary>Winning probabilities by tenth.</summary>
    public IReadOnlyList<long> Confidence { get; set; } = [];
    /// <summary>Predicted values by column; absent unless the model predicts numbers.</summary>
    public IReadOnlyList<ValueStats>? Values { get; init; }
    /// <summary>Boxes seen; absent unless the model finds boxes.</summary>
    public BoxStats? Boxes { get; init; }
    /// <summary>The machine, as last reported.</summary>
    public ResourceStats? Resources { get; init; }
    /// <summary>End of the newest batch.</summary>
    public DateTimeOffset? To { get; init; }
    /// <summary>Inferences per interval, oldest first, for a chart.</summary>
    public IReadOnlyList<TelemetryPoint> Series { get; set; } = [];
}

/// <summary>One interval of a series.</summary>
public sealed record TelemetryPoint(
    DateTimeOffset At, long Count, long Errors,
    [property: JsonPropertyName("p95Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan LatencyP95);

// ---- server ---------------------------------------------------------------------------------------------------------

/// <summary>GET /health: what answers without a key.</summary>
/// <param name="Status"><c>ok</c> with status 200, or <c>troubled</c> with status 503 while something does not work.</param>
/// <param name="Version">Version of the server.</param>
/// <param name="Protocol">Newest protocol it speaks.</param>
public sealed record HealthResponse(string Status, string Version, int Protocol)
{
    /// <summary>What does not work now, a sentence each.</summary>
    public IReadOnlyList<string> Problems { get; set; } = [];
}
