using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>
/// What an operator does with a device's identity after it was enrolled. On disk first: a connection cut before would come back.
/// </summary>
internal sealed class DeviceLife(
    IFleetStore store, DeviceChanges observers, DeviceBoard board, DeviceOutbox outbox, CertificateAuthority authority, FleetKeys keys,
    ListenAddresses addresses, CloneWatch clones, IEnumerable<IDeviceEnd> ends, TimeProvider time)
{
    /// <summary>Refuses a device from now on, and whoever holds a token that lets it back.</summary>
    public async Task<Device?> RevokeAsync(string id, CancellationToken cancellationToken)
    {
        var revoked = await store.RetryAsync(async _ =>
        {
            if (await store.FindAsync<Device>(id, cancellationToken) is not { Document: var device } stored) return null;
            var now = time.GetUtcNow();
            var changes = new List<StoreChange>(await store.WithdrawalsAsync(device.Id, now, cancellationToken));
            if (!device.IsRevoked) changes.Add(stored.Change(device = device with { RevokedAt = now }));
            await store.CommitAsync(changes, cancellationToken);
            return device;
        }, cancellationToken);
        if (revoked is null) return null;
        observers.Tell(revoked.Id);
        await outbox.DisconnectAsync(revoked.Id, "This device is revoked.");
        return revoked;
    }

    /// <summary>Takes the revocation of a device back.</summary>
    public async Task<Device?> UnrevokeAsync(string id, CancellationToken cancellationToken)
    {
        var accepted = await store.UpdateAsync<Device>(id, device => device with { RevokedAt = null }, cancellationToken);
        if (accepted is not null) observers.Tell(accepted.Id);
        return accepted;
    }

    /// <summary>
    /// Refuses one certificate of a device, or no longer. The device connects again with the one it has, if that is another.
    /// </summary>
    public async Task<Device?> RevokeAsync(string id, string serial, bool revoked, CancellationToken cancellationToken)
    {
        var found = await store.RetryAsync(async _ =>
        {
            if (await store.FindAsync<Device>(id, cancellationToken) is not { Document: var device }) return null;
            var known = await store.FindAsync<DeviceCertificate>(id, cancellationToken);
            var changed = (known?.Document ?? DeviceCertificate.Unrecorded(time.GetUtcNow())).Revoking(serial, revoked);
            await store.CommitAsync([known is null ? StoreChange.Create(id, changed) : known.Change(changed)], cancellationToken);
            return device;
        }, cancellationToken);
        if (found is not null && revoked) await outbox.DisconnectAsync(found.Id, $"Certificate {serial} is revoked.");
        return found;
    }

    /// <summary>
    /// A join token that lets this device alone come back, with a new key. A revocation withdraws every token made before it, so one that
    /// falls into the same moment is refused.
    /// </summary>
    public async Task<Answer<CreateTokenResponse>> LetBackAsync(string id, TimeSpan validFor, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Device>(id, cancellationToken) is not { Document: var asked }) return Unknown(id);
        return await store.RetryAsync<Answer<CreateTokenResponse>>(async _ =>
        {
            if (await store.FindAsync<Device>(id, cancellationToken) is not { } found || found.Document.EnrolledAt != asked.EnrolledAt)
                return Unknown(id);
            if (found.Document.IsRevoked && !asked.IsRevoked)
                return Refusal.Conflict($"Device {id} was revoked in this moment. If it is to come back all the same, ask again.");
            var (answer, changes) = TokenFor(found, validFor);
            await store.CommitAsync(changes, cancellationToken);
            return answer;
        }, cancellationToken);
    }

    /// <summary>The token, and the device as it is: of this commit and one that revokes it one fails, and looks again.</summary>
    private (CreateTokenResponse Answer, IReadOnlyList<StoreChange> Changes) TokenFor(Stored<Device> found, TimeSpan validFor)
    {
        var device = found.Document;
        var token = JoinToken.Create(authority.Fingerprint, keys.Roots[^1].Digest());
        var now = time.GetUtcNow();
        var stored = new StoredToken
        {
            SecretHash = JoinToken.HashOf(token.Secret),
            Uses = 1,
            CreatedAt = now,
            ExpiresAt = now + validFor,
            Reenrolls = device.Id,
            ReenrollsFrom = device.EnrolledAt,
        };
        return (
            new CreateTokenResponse(token.Id, token.Reveal(), stored.ExpiresAt, addresses.Devices),
            [StoreChange.Create(token.Id, stored), found.Change(device)]);
    }

    /// <summary>An operator has seen to what was in doubt about a device.</summary>
    public async Task<Device?> AcknowledgeAsync(string id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Device>(id, cancellationToken) is not { Document: var device }) return null;
        await store.UpdateAsync<DeviceCertificate>(id, known => known.Settled(), cancellationToken);
        clones.Settled(device.Id);
        return device;
    }

    /// <summary>
    /// Removes a device: what it is, should run and said, and its pins. What it measured and which rollouts it was part of stays as long as
    /// such things are kept, and which certificates it had as long as one is valid: none counts for the next device of its id. That may be
    /// enrolled anew, and goes on above the last revision that was told.
    /// </summary>
    public async Task<bool> DecommissionAsync(string id, CancellationToken cancellationToken)
    {
        var removed = await store.RetryAsync(async _ =>
        {
            if (await store.FindAsync<Device>(id, cancellationToken) is not { } device) return null;
            var desired = await store.FindAsync<DeviceDesired>(id, cancellationToken);
            var certificate = await store.FindAsync<DeviceCertificate>(id, cancellationToken);
            var ended = (desired?.Document ?? DeviceDesired.Nothing).Ended(time.GetUtcNow());
            StoreChange?[] changes =
            [
                device.Removal(), desired?.Change(ended) ?? StoreChange.Create(id, ended),
                await RemovalAsync<DeviceReported>(id, cancellationToken), await RemovalAsync<DeviceSeen>(id, cancellationToken),
                // Changed in any case: a renewal that comes in between fails and finds no device.
                certificate?.Change(certificate.Document.Settled()),
            ];
            var others = new List<StoreChange>();
            foreach (var end in ends) others.AddRange(await end.EndAsync(device.Document.Id, cancellationToken));
            others.AddRange(await store.WithdrawalsAsync(device.Document.Id, time.GetUtcNow(), cancellationToken));
            await store.CommitAsync([.. changes.OfType<StoreChange>(), .. others], cancellationToken);
            return device.Document;
        }, cancellationToken);
        if (removed is null) return false;
        await outbox.DisconnectAsync(removed.Id, "This device was decommissioned.");
        board.Forget(removed.Id);
        observers.Tell(removed.Id);
        return true;
    }

    private static ApiProblem Unknown(string id) => Refusal.Unknown($"There is no device '{id}'.");

    private async Task<StoreChange?> RemovalAsync<T>(string id, CancellationToken cancellationToken) where T : class
        => (await store.FindAsync<T>(id, cancellationToken))?.Removal();
}
