using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Devices;

/// <summary>Where the signed manifest of a release comes from: the room of releases, which this one must not know.</summary>
internal interface IReleaseEnvelopes
{
    /// <summary>The signed manifest, or null when there is no such release.</summary>
    Task<DsseEnvelope?> FindAsync(string model, int version, CancellationToken cancellationToken);

    /// <summary>Releases of a model that were withdrawn and that a device would still take otherwise, the newest first.</summary>
    Task<IReadOnlyList<WithdrawnRelease>> WithdrawnAsync(string model, CancellationToken cancellationToken);
}
