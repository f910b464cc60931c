using Fleet.Contracts.Devices;

namespace Fleet.Server.Artifacts;

/// <summary>Says who may fetch what: the room of releases, which this one must not know.</summary>
internal interface IArtifactAccess
{
    /// <summary>What the device needs the artifact for; null when nothing that it is told names it.</summary>
    Task<ArtifactUse?> UseOfAsync(DeviceId device, string sha256, CancellationToken cancellationToken);
}

/// <summary>What a device fetches an artifact for.</summary>
/// <param name="Model">The model whose release names it.</param>
/// <param name="Version">Number of that release.</param>
/// <param name="Rollout">The rollout that assigned it; null for none.</param>
internal sealed record ArtifactUse(string Model, int Version, string? Rollout)
{
    /// <summary>It is timed for a build, and of no release.</summary>
    public static readonly ArtifactUse Timing = new("", 0, null);
}
