using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>The tokens that let one device back. They are worth no more than the identity that they were made for.</summary>
internal static class ReturnTokens
{
    /// <summary>
    /// What withdraws every token that would let a device back, for the commit that revokes or removes it, or in which it has come back:
    /// a token that lies about somewhere must not undo that.
    /// </summary>
    /// <param name="store">The store.</param>
    /// <param name="device">The device.</param>
    /// <param name="now">What the clock says.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <param name="but">The token that is in use just now; null for none.</param>
    public static async Task<IReadOnlyList<StoreChange>> WithdrawalsAsync(
        this IFleetStore store, DeviceId device, DateTimeOffset now, CancellationToken cancellationToken, string? but = null)
    {
        var changes = new List<StoreChange>();
        await foreach (var token in store.AllAsync<StoredToken>("", cancellationToken))
        {
            if (token.Document.Reenrolls != device || token.Document.RevokedAt is not null || token.Id == but) continue;
            changes.Add(token.Change(token.Document with { RevokedAt = now }));
        }
        return changes;
    }
}
