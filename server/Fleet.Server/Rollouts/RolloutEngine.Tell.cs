using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices, part by part.</summary>
internal sealed partial class RolloutEngine
{
    private async Task TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
        => await CommitAsync(
            stored, await opening.NextAsync(
                rollout, await store.MembersAsync(rollout, rollout.Told, cancellationToken), await store.TargetsAsync(cancellationToken),
                time.GetUtcNow(), cancellationToken), cancellationToken);

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }
}
