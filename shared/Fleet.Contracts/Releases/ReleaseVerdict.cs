namespace Fleet.Contracts.Releases;

/// <summary>Whether a release is trusted: the manifest when it is, the fault and one sentence when it is not.</summary>
public sealed record ReleaseVerdict(ReleaseManifest? Manifest, ReleaseFault Fault, string Reason)
{
    /// <summary>True when <see cref="Manifest"/> may be acted on.</summary>
    public bool Trusted => Manifest is not null;
}

/// <summary>Why a release is not trusted.</summary>
public enum ReleaseFault
{
    /// <summary>It is trusted.</summary>
    None,
    /// <summary>It does not read as a release, or breaks a rule of its own.</summary>
    Malformed,
    /// <summary>None of its signatures is by a trusted key.</summary>
    KeyNotTrusted,
    /// <summary>A trusted key is named, but the signature does not hold: the bytes were changed.</summary>
    SignatureInvalid,
    /// <summary>It is a release of another model.</summary>
    WrongModel,
    /// <summary>It is older than what the device may take.</summary>
    VersionTooOld,
    /// <summary>Its time has passed.</summary>
    Expired,
}
