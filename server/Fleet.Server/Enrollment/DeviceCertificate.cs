using Fleet.Server.Certificates;
using Fleet.Server.Settings;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Which certificates of a device are accepted, as it is stored, under the device's id. A device that was enrolled before this was kept
/// has none, until it renews: any certificate of its name that the authority issued is its own until then.
/// </summary>
internal sealed record DeviceCertificate
{
    /// <summary>Serials kept of certificates that were replaced; when they were issued tells of older ones.</summary>
    private const int ReplacedKept = 16;

    private const int RevokedKept = 64;

    /// <summary>The newest; null when it is not known which that is.</summary>
    public IssuedCertificate? Current { get; init; }

    /// <summary>When the newest was first shown; null until then.</summary>
    public DateTimeOffset? FirstUsedAt { get; init; }

    /// <summary>When the last of all that the device was given ends, replaced ones included; null before this was kept.</summary>
    public DateTimeOffset? LastEnd { get; init; }

    /// <summary>Serial of the one that the newest was renewed from.</summary>
    public string? Previous { get; init; }

    /// <summary>Serials that were replaced, the last one last.</summary>
    public IReadOnlyList<string> Replaced { get; init; } = [];

    /// <summary>Serials that an operator revoked.</summary>
    public IReadOnlyList<string> Revoked { get; init; } = [];

    /// <summary>A replaced certificate that was shown again; null when none was, or an operator has seen to it.</summary>
    public ReplacedShown? ReplacedShown { get; init; }

    /// <summary>When two sessions with this identity were last seen to take turns, within an hour; null when none were.</summary>
    public DateTimeOffset? ClonedAt { get; init; }

    /// <summary>Where the sessions came from that took turns.</summary>
    public IReadOnlyList<string> ClonedFrom { get; init; } = [];

    /// <summary>
    /// The record of a device that was given certificates which are recorded nowhere: by an earlier program, or after the backup.
    /// </summary>
    public static DeviceCertificate Unrecorded(DateTimeOffset now) => new() { LastEnd = now + FleetOptions.LongestCertificateLifetime };

    /// <summary>Without what is in doubt: an operator has seen to it, or the device has been removed.</summary>
    public DeviceCertificate Settled() => this with { ReplacedShown = null, ClonedAt = null, ClonedFrom = [] };

    /// <summary>With a new certificate in the place of <paramref name="shown"/>, which is accepted for a while.</summary>
    public DeviceCertificate Renewed(IssuedCertificate issued, string shown) => this with
    {
        Current = issued,
        LastEnd = LaterEnd(issued),
        FirstUsedAt = null,
        Previous = shown,
        // A certificate that was issued and never fetched is given up as well.
        Replaced = Without(shown, Current?.Serial, Previous),
    };

    /// <summary>With a serial revoked, or no longer. Of many only the latest are kept: what is not the newest is refused anyway.</summary>
    public DeviceCertificate Revoking(string serial, bool revoked)
        => Revoked.Contains(serial) == revoked
            ? this
            : this with { Revoked = [.. Revoked.Where(other => other != serial).Concat(revoked ? [serial] : []).TakeLast(RevokedKept)] };

    /// <summary>With a new certificate, and none of those before.</summary>
    public DeviceCertificate Reenrolled(IssuedCertificate issued) => Settled() with
    {
        Current = issued,
        LastEnd = LaterEnd(issued),
        FirstUsedAt = null,
        Previous = null,
        Replaced = Without(null, Current?.Serial, Previous),
    };

    /// <summary>
    /// With a certificate that was issued after <see cref="Current"/> and is not in this record, as after a restored backup.
    /// </summary>
    public DeviceCertificate Caught(IssuedCertificate shown, DateTimeOffset now)
        => (Current is { } before ? Renewed(shown, before.Serial) : this with { Current = shown }) with { FirstUsedAt = now };

    /// <summary>A record of an earlier version does not say the last end: it is at least that of the certificate in force.</summary>
    private DateTimeOffset? LaterEnd(IssuedCertificate issued)
        => (LastEnd ?? Current?.ValidUntil) is { } end && end > issued.ValidUntil ? end : issued.ValidUntil;

    private List<string> Without(string? kept, params string?[] replaced)
        => [.. Replaced.Concat(replaced.OfType<string>()).Where(serial => serial != kept).Distinct().TakeLast(ReplacedKept)];
}

/// <summary>A replaced certificate that was shown again: somebody else may hold a copy of it.</summary>
/// <param name="Serial">Its serial.</param>
/// <param name="At">When it was shown last, within an hour.</param>
internal sealed record ReplacedShown(string Serial, DateTimeOffset At);
