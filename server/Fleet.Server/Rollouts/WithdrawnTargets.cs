using Fleet.Contracts.Trust;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What a withdrawal means for targets, pins and rollouts. A target goes back to what the rollout that brought the release replaced, or to
/// nothing; a pin to it ends; the engine aborts the rollout that brings it.
/// </summary>
internal sealed class WithdrawnTargets(IFleetStore store, ConvergenceQueue converging, RolloutWake wake) : IWithdrawalObserver
{
    /// <summary>Releases that a target may go back by; further back nobody means them.</summary>
    private const int MostSteps = 100;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> WithdrawAsync(WithdrawnRelease release, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        // Devices that serve it go on by their target's word.
        if (release.KeepServing) return changes;
        var targets = await store.AllAsync<Target>("", cancellationToken).ToListAsync(cancellationToken);
        var groups = targets.Where(target => Names(target.Document, release)).Select(target => target.Document.Release!.Group)
            .OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var target in targets)
        {
            // What was moved together goes back together.
            if (!Names(target.Document, release) && !(target.Document.Release?.Group is { } group && groups.Contains(group))) continue;
            changes.Add(target.Change(target.Document with { Release = await FormerAsync(target.Document, release, cancellationToken) }));
        }
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

    private static bool Names(Target target, WithdrawnRelease release)
        => target.Model == release.Model && target.Release?.Version == release.Version;

    /// <summary>What a target had before, step by step past what was withdrawn as well; null for nothing.</summary>
    private async Task<TargetRelease?> FormerAsync(Target target, WithdrawnRelease withdrawn, CancellationToken cancellationToken)
    {
        var has = target.Release;
        for (var step = 0; step < MostSteps && has?.Rollout is { } by; step++)
        {
            var rollout = (await store.FindAsync<Rollout>(by, cancellationToken))?.Document;
            has = rollout?.Targets.FirstOrDefault(moved => moved.Target == target.Name)?.Before;
            if (has is null || (target.Model == withdrawn.Model && has.Version == withdrawn.Version)) continue;
            var release = await store.FindAsync<Release>(Release.IdOf(target.Model, has.Version), cancellationToken);
            if (release?.Document is { WithdrawnAt: null }) return has;
        }
        return null;
    }
}
