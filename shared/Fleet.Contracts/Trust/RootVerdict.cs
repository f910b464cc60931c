namespace Fleet.Contracts.Trust;

/// <summary>Whether a root is trusted: the root when it is, the fault and one sentence when it is not.</summary>
public sealed record RootVerdict(TrustRoot? Root, RootFault Fault, string Reason)
{
    /// <summary>True when <see cref="Root"/> may be trusted.</summary>
    public bool Trusted => Root is not null;
}

/// <summary>Why a root is not trusted.</summary>
public enum RootFault
{
    /// <summary>It is trusted.</summary>
    None,
    /// <summary>It does not read as a root, or breaks a rule of its own.</summary>
    Malformed,
    /// <summary>It is not the one that was named.</summary>
    NotPinned,
    /// <summary>It is the root of another fleet.</summary>
    OtherFleet,
    /// <summary>It does not follow the one before by exactly one version.</summary>
    VersionSkipped,
    /// <summary>It would lower the epoch of orders.</summary>
    EpochLowered,
    /// <summary>Too few keys of the root before, or of its own, have signed it.</summary>
    ThresholdMissed,
}
