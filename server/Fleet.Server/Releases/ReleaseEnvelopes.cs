using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Hands out signed manifests, and what was withdrawn.</summary>
internal sealed class ReleaseEnvelopes(IFleetStore store, TimeProvider time) : IReleaseEnvelopes
{
    /// <inheritdoc/>
    public async Task<DsseEnvelope?> FindAsync(string model, int version, CancellationToken cancellationToken)
        => (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken))?.Document.Envelope;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<WithdrawnRelease>> WithdrawnAsync(string model, CancellationToken cancellationToken)
        => await store.AllAsync<Withdrawal>($"{model}/", cancellationToken).Select(stored => stored.Document)
            .Where(withdrawal => withdrawal.ExpiresAt > time.GetUtcNow()).Select(withdrawal => withdrawal.Release)
            .Reverse().ToListAsync(cancellationToken);
}
