using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Http;

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
    /// <summary>What is unusual about what it sends; null when nothing is.</summary>
    public TrafficView? Traffic { get; init; }
    /// <summary>Whom it trusts and what it refused; null of a device of protocol 1 or 2.</summary>
    public TrustReport? Trust { get; init; }
    /// <summary>Its models.</summary>
    public IReadOnlyList<ReportedModel> Models { get; set; } = [];
    /// <summary>Its newest certificate; null when the server has not recorded which that is.</summary>
    public CertificateView? Certificate { get; init; }
    /// <summary>Why its identity is in doubt; empty when it is not.</summary>
    public IReadOnlyList<AlarmView> Alarms { get; set; } = [];
    /// <summary>The last report of it that was carried here in a file; null when none was.</summary>
    public CarriedReportView? Report { get; init; }
}

/// <summary>A report that was carried here in a file.</summary>
/// <param name="Number">Its number.</param>
/// <param name="WrittenAt">When it was written, by the device's clock.</param>
/// <param name="ImportedAt">When it came here.</param>
public sealed record CarriedReportView(long Number, DateTimeOffset WrittenAt, DateTimeOffset ImportedAt);

/// <summary>POST /api/v1/reports: what a report brought that was carried here in a file.</summary>
/// <param name="Device">The device as it is known now.</param>
/// <param name="Batches">Telemetry batches in it that are stored.</param>
/// <param name="Repeated">True when this very file was imported before and nothing was changed.</param>
/// <param name="Refused">Why telemetry in it was not taken; null when all of it was.</param>
public sealed record ImportedReportView(
    DeviceView Device, int Batches, bool Repeated = false, IReadOnlyList<string>? Refused = null);

/// <summary>A device's certificate.</summary>
/// <param name="Serial">Serial number, upper-case hexadecimal.</param>
/// <param name="ValidFrom">When it begins to be valid.</param>
/// <param name="ValidUntil">When it ends.</param>
/// <param name="FirstUsedAt">When it was first shown; null until then.</param>
/// <param name="RevokedSerials">Serials that an operator revoked by themselves.</param>
public sealed record CertificateView(
    string Serial, DateTimeOffset ValidFrom, DateTimeOffset ValidUntil, DateTimeOffset? FirstUsedAt = null,
    IReadOnlyList<string>? RevokedSerials = null);

/// <summary>Why a device's identity is in doubt.</summary>
/// <param name="Kind"><c>replacedCertificate</c> or <c>clone</c>.</param>
/// <param name="Text">What happened, in a sentence.</param>
/// <param name="At">When it was noticed last.</param>
public sealed record AlarmView(string Kind, string Text, DateTimeOffset At);

/// <summary>POST /api/v1/devices/{id}/reenroll: lets the device come back with a new key.</summary>
/// <param name="ValidFor">How long the join token is valid that it comes back with.</param>
public sealed record ReenrollRequest(TimeSpan ValidFor);

/// <summary>GET /api/v1/enrollments: a device that waits for an operator's approval.</summary>
/// <param name="Id">The id it asked for.</param>
/// <param name="Token">The join token it came with.</param>
/// <param name="AskedAt">When it asked first.</param>
/// <param name="KeyFingerprint">SHA-256 of its public key, lower-case hexadecimal; the device shows the same.</param>
/// <param name="Facts">What it said that it is.</param>
public sealed record PendingDeviceView(
    DeviceId Id, string Token, DateTimeOffset AskedAt, string KeyFingerprint, DeviceFacts Facts);

/// <summary>PATCH /api/v1/devices/{id}/labels: labels to set; null removes.</summary>
public sealed record SetLabelsRequest(IReadOnlyDictionary<string, string?> Labels);

/// <summary>
/// GET /api/v1/strangers: a device that holds a certificate of this server's authority and is not stored here, or says what it cannot show.
/// </summary>
/// <param name="Device">Its id.</param>
/// <param name="LastSeenAt">When it last showed its certificate, or first said so.</param>
/// <param name="Revision">
/// The revision that it says it is at, above what this server knows, and cannot show an order for; absent for one that is not stored.
/// </param>
public sealed record StrangerView(DeviceId Device, DateTimeOffset LastSeenAt, long? Revision = null);
