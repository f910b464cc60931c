using Fleet.Contracts.Releases;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Hands out signed manifests.</summary>
internal sealed class ReleaseEnvelopes(IFleetStore store) : IReleaseEnvelopes
{
    /// <inheritdoc/>
    public async Task<DsseEnvelope?> FindAsync(string model, int version, CancellationToken cancellationToken)
        => (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken))?.Document.Envelope;
}
