using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Trust;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What a withdrawal means for targets, pins and rollouts. A target goes back to what the rollout that brought the release replaced, or to
/// nothing; a pin to it ends; the engine aborts the rollout that brings it.
/// </summary>
internal sealed class WithdrawnTargets(IFleetStore store, FormerReleases former, ConvergenceQueue converging, RolloutWake wake)
    : IWithdrawalObserver
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> WithdrawAsync(WithdrawnRelease release, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        // Devices that serve it go on by their target's word.
        if (release.KeepServing) return changes;
        var stored = await store.AllAsync<Target>("", cancellationToken).ToListAsync(cancellationToken);
        IReadOnlyList<Target> targets = [.. stored.Select(target => target.Document)];
        var withdrawn = new PlannedRelease(release.Model, release.Version);
        foreach (var target in stored.Where(target => Names(target.Document, withdrawn)))
            targets = await former.BackAsync(targets, [target.Id], withdrawn, cancellationToken);
        if (await former.ChangesAsync(stored, targets, cancellationToken) is not { } moved)
            return await WithdrawAsync(release, cancellationToken);
        changes.AddRange(moved);
        await foreach (var pin in store.AllAsync<Pin>("", cancellationToken))
        {
            if (pin.Document.Model == release.Model && pin.Document.Version == release.Version) changes.Add(pin.Removal());
        }
        return changes;
    }

    /// <inheritdoc/>
    public void Withdrawn()
    {
        wake.Set();
        converging.ChangedForAll();
    }

    private static bool Names(Target target, PlannedRelease release)
        => target.Model == release.Model && target.Release?.Version == release.Version;
}
