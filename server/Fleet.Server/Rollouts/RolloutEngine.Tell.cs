using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices, part by part.</summary>
internal sealed partial class RolloutEngine
{
    /// <returns>True when somebody was told or passed over; false when a budget lets nobody go before a device has finished.</returns>
    private async Task<bool> TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
    {
        var part = await opening.NextAsync(
            rollout, await store.MembersAsync(rollout, rollout.Told, cancellationToken), await store.TargetsAsync(cancellationToken),
            time.GetUtcNow(), cancellationToken);
        if (part.Rollout.Told == rollout.Told) return false;
        await CommitAsync(stored, part, cancellationToken);
        return true;
    }

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }
}
