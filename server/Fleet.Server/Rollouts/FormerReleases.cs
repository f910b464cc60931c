using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Where targets go back to when a release of theirs is not to be served any more: along the rollouts that brought what they have, the
/// latest first and all targets of one together, so that no device gets a pair that never was.
/// </summary>
internal sealed class FormerReleases(IFleetStore store) : ITargetHistory
{
    /// <summary>Releases that a target may go back by; further back nobody means them.</summary>
    private const int MostSteps = 100;

    /// <summary>Targets once none of some has a release that was withdrawn, or is not stored here.</summary>
    /// <param name="targets">All targets.</param>
    /// <param name="from">Names of those that go back if they must.</param>
    /// <param name="withdrawn">A release that is about to be withdrawn.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<IReadOnlyList<Target>> BackAsync(
        IReadOnlyList<Target> targets, IEnumerable<string> from, PlannedRelease? withdrawn, CancellationToken cancellationToken)
    {
        var going = from.ToHashSet(StringComparer.Ordinal);
        for (var step = 0; ; step++)
        {
            var refused = new List<Target>();
            foreach (var target in targets.Where(target => going.Contains(target.Name)))
                if (await IsRefusedAsync(target, withdrawn, cancellationToken)) refused.Add(target);
            if (refused.Count == 0) return targets;
            // What an operator set by hand has nothing before it, and stays unless it is refused itself.
            var last = targets.Where(target => going.Contains(target.Name) && (target.Release?.Rollout is not null
                || refused.Contains(target))).MaxBy(target => target.Release!.DecidedAt)!;
            var before = new List<Target>();
            foreach (var target in targets)
            {
                if (target.Name != last.Name && !IsTogether(target.Release, last.Release!))
                {
                    before.Add(target);
                    continue;
                }
                going.Add(target.Name);
                before.Add(target with { Release = step < MostSteps ? await BeforeAsync(target, cancellationToken) : null });
            }
            targets = before;
        }
    }

    /// <summary>
    /// The changes of targets. They hold only if no release that one comes to is withdrawn at the same moment: one of both commits fails
    /// then, and looks again. Null where that has happened already.
    /// </summary>
    public async Task<IReadOnlyList<StoreChange>?> ChangesAsync(
        IReadOnlyList<Stored<Target>> before, IReadOnlyList<Target> after, CancellationToken cancellationToken)
    {
        var changed = before.Zip(after).Where(pair => pair.First.Document != pair.Second).ToList();
        List<StoreChange> changes = [.. changed.Select(pair => pair.First.Change(pair.Second))];
        foreach (var id in changed.Where(pair => pair.Second.Release is not null && pair.Second.Release != pair.First.Document.Release)
            .Select(pair => Release.IdOf(pair.Second.Model, pair.Second.Release!.Version)).Distinct())
        {
            if (await store.FindAsync<Release>(id, cancellationToken) is not { } release) continue;
            if (release.Document.WithdrawnAt is not null) return null;
            changes.Add(release.Change(release.Document));
        }
        return changes;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlySet<int>> FormerAsync(Target target, CancellationToken cancellationToken)
    {
        var former = new HashSet<int>();
        await foreach (var stored in store.AllAsync<Rollout>("", cancellationToken))
        {
            var rollout = stored.Document;
            // Another target may have had the name, of other devices.
            if (!DeviceFilter.TryParse(rollout.Plan.Filter, out var filter, out _) || Target.CanonicalFilter(filter) != target.Filter)
                continue;
            foreach (var moved in rollout.Targets)
                if (moved.Target == target.Name && moved.Model == target.Model && moved.Before is { } before) former.Add(before.Version);
        }
        return former;
    }

    private static bool IsTogether(TargetRelease? one, TargetRelease other)
        => (one?.Rollout is { } rollout && rollout == other.Rollout) || (one?.Group is { } group && group == other.Group);

    private async Task<bool> IsRefusedAsync(Target target, PlannedRelease? withdrawn, CancellationToken cancellationToken)
    {
        if (target.Release is not { Version: var version }) return false;
        if (withdrawn is not null && target.Model == withdrawn.Model && version == withdrawn.Version) return true;
        var release = await store.FindAsync<Release>(Release.IdOf(target.Model, version), cancellationToken);
        return release is not { Document.WithdrawnAt: null };
    }

    private async Task<TargetRelease?> BeforeAsync(Target target, CancellationToken cancellationToken)
        => target.Release?.Rollout is { } by && await store.FindAsync<Rollout>(by, cancellationToken) is { Document: var rollout }
            ? rollout.Targets.FirstOrDefault(moved => moved.Target == target.Name)?.Before
            : null;
}
