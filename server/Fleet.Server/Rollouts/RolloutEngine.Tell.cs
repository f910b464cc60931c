using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices, part by part.</summary>
internal sealed partial class RolloutEngine
{
    /// <returns>True when that changed something; false when the budget holds the rest as it did before.</returns>
    private async Task<bool> TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
    {
        var part = await opening.NextAsync(
            rollout, await store.MembersAsync(rollout, rollout.Told, cancellationToken), await store.TargetsAsync(cancellationToken),
            time.GetUtcNow(), cancellationToken);
        var moves = part.Rollout.Told != rollout.Told;
        if (moves || part.Rollout.Open != rollout.Open) await CommitAsync(stored, part, cancellationToken);
        return moves;
    }

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }
}
