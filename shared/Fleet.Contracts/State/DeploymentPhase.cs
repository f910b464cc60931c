using System.Text.Json.Serialization;

namespace Fleet.Contracts.State;

/// <summary>Where a deployment stands on a device.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<DeploymentPhase>))]
public enum DeploymentPhase
{
    /// <summary>Nothing was asked.</summary>
    Idle,
    /// <summary>Signature, profile, disk and memory are checked before the first byte is fetched.</summary>
    Preflight,
    /// <summary>Artifacts are fetched and hashed.</summary>
    Downloading,
    /// <summary>Every byte on disk is compared with the signed digests.</summary>
    Verifying,
    /// <summary>A child process measures accuracy, latency and memory against the gate.</summary>
    Validating,
    /// <summary>Everything is ready; it waits for its window, or for the device's own sign.</summary>
    Holding,
    /// <summary>The inference host takes the variant over.</summary>
    Activating,
    /// <summary>It serves, and is watched before the previous release is let go.</summary>
    Watching,
    /// <summary>It serves.</summary>
    Active,
    /// <summary>It failed; the previous release, if there was one, serves.</summary>
    RolledBack,
}

/// <summary>Why a deployment failed: the same word in the agent's log, the report, the store and every table.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<DeploymentFailure>))]
public enum DeploymentFailure
{
    /// <summary>It did not fail.</summary>
    None,
    /// <summary>The manifest does not read as one.</summary>
    ManifestMalformed,
    /// <summary>The manifest is not signed by a trusted key, or was changed.</summary>
    SignatureInvalid,
    /// <summary>The release is older than what this device may take.</summary>
    VersionTooOld,
    /// <summary>The release has expired.</summary>
    ReleaseExpired,
    /// <summary>An operator withdrew the release.</summary>
    ReleaseWithdrawn,
    /// <summary>The release holds no variant for this device's profile.</summary>
    ProfileMismatch,
    /// <summary>The disk lacks room.</summary>
    DiskFull,
    /// <summary>The artifact could not be fetched.</summary>
    DownloadFailed,
    /// <summary>An artifact's bytes are not the ones that were signed.</summary>
    DigestMismatch,
    /// <summary>ONNX Runtime refused the model.</summary>
    LoadFailed,
    /// <summary>The validation process died.</summary>
    ValidationCrashed,
    /// <summary>The validation process did not finish in time.</summary>
    ValidationTimedOut,
    /// <summary>The validation process needed more memory than allowed.</summary>
    MemoryExceeded,
    /// <summary>The measured figures miss the gate.</summary>
    GateMissed,
    /// <summary>The inference host could not take the variant over, or died with it.</summary>
    ActivationFailed,
    /// <summary>A release that was ordered together with it failed; the detail names it.</summary>
    GroupFailed,
    /// <summary>The device said nothing by the deadline of its phase. Set by the server.</summary>
    Silent,
    /// <summary>What the device reported cannot be: a figure, a variant, or a gate that its figures miss. Set by the server.</summary>
    ReportImplausible,
    /// <summary>What the device reported is not signed by it, or what it signed is something else. Set by the server.</summary>
    ReceiptInvalid,
    /// <summary>Something nobody planned for; the detail says what.</summary>
    Unexpected,
}
