using Fleet.Server.Certificates;

namespace Fleet.Server.Enrollment;

/// <summary>What a certificate that a device shows is to its record.</summary>
internal enum CertificateStanding
{
    /// <summary>It is not recorded which one is the newest: accepted.</summary>
    Unrecorded,
    /// <summary>The newest: accepted.</summary>
    Current,
    /// <summary>The one before, and the newest was not shown yet, or only just now: accepted.</summary>
    Previous,
    /// <summary>Issued after the newest that is recorded: the record is from a backup. Accepted.</summary>
    Newer,
    /// <summary>There is a newer one.</summary>
    Replaced,
    /// <summary>An operator revoked it.</summary>
    Revoked,
}

/// <summary>Which of a device's certificates are accepted. Pure.</summary>
internal static class CertificateRules
{
    /// <summary>How long the certificate before is accepted once the newest was shown: what began with it may end.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(10);

    /// <summary>Judges a certificate of the device's name that the authority issued and that is valid now.</summary>
    public static CertificateStanding Judge(DeviceCertificate? known, IssuedCertificate shown, DateTimeOffset now)
    {
        if (known is null) return CertificateStanding.Unrecorded;
        if (known.Revoked.Contains(shown.Serial)) return CertificateStanding.Revoked;
        if (known.Current is not { } current) return CertificateStanding.Unrecorded;
        if (shown.Serial == current.Serial) return CertificateStanding.Current;
        if (shown.Serial == known.Previous)
            // Either way: a clock that was ahead when the newest was first shown must not keep the one before for as long.
            return known.FirstUsedAt is { } used && (now - used).Duration() >= Grace
                ? CertificateStanding.Replaced
                : CertificateStanding.Previous;
        // Only the authority makes certificates: one that is later than the newest was given to this device after the record was saved.
        // Later by when it was issued: how far it is dated back depends on the settings and the program of that day.
        return shown.IssuedAt > current.IssuedAt && !known.Replaced.Contains(shown.Serial)
            ? CertificateStanding.Newer
            : CertificateStanding.Replaced;
    }

    /// <summary>Whether a certificate of that standing may connect.</summary>
    public static bool IsAccepted(CertificateStanding standing) => standing < CertificateStanding.Replaced;

    /// <summary>
    /// Whether a certificate of that standing may be exchanged for a new one. The one before may while the newest was never shown: its
    /// answer was lost. After that only the newest may, so that a copy of an old one is worth nothing.
    /// </summary>
    public static bool MayRenew(CertificateStanding standing, DeviceCertificate? known) => standing switch
    {
        CertificateStanding.Previous => known?.FirstUsedAt is null,
        _ => IsAccepted(standing),
    };
}
