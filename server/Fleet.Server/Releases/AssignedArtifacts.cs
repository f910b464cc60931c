using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// Which artifacts a device may fetch: those of the releases that it should run, and files that it is to time for a build. A model is
/// nobody else's business.
/// </summary>
internal sealed class AssignedArtifacts(IFleetStore store, IReleaseEnvelopes releases, SigningClock clock) : IArtifactAccess
{
    /// <inheritdoc/>
    public async Task<ArtifactUse?> UseOfAsync(DeviceId device, string sha256, CancellationToken cancellationToken)
    {
        if (await DeviceTimings.NeedsAsync(store, device, sha256, clock.Now(), cancellationToken)) return ArtifactUse.Timing;
        // Builds upload more than is ever released.
        if (await store.FindAsync<PublishedArtifact>(sha256, cancellationToken) is null) return null;
        var (desired, _) = await store.DesiredAsync(device, cancellationToken);
        foreach (var assignment in desired.Assignments)
        {
            if (await releases.FindAsync(assignment.Model, assignment.Version, cancellationToken) is not { } envelope) continue;
            var manifest = JsonSerializer.Deserialize(envelope.Payload, FleetJson.Default.ReleaseStatement)!.Predicate;
            if (manifest.Artifacts().Any(artifact => artifact.Sha256 == sha256))
                return new ArtifactUse(assignment.Model, assignment.Version, assignment.By?.Rollout);
        }
        return null;
    }
}
