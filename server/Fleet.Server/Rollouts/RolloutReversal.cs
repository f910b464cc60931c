using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Takes back what a rollout told its devices, <see cref="RolloutMembers.Size"/> at a time: from all of them when it is rolled back, from
/// those that do not serve its release when it is aborted. Each returns to what it last served.
/// </summary>
internal sealed class RolloutReversal(IFleetStore store, TimeProvider time)
{
    /// <summary>The next part. A device that has been told something else since is left alone: what came later counts.</summary>
    public async Task<WavePart> NextAsync(Rollout rollout, RolloutMembers members, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        var end = Math.Min(rollout.Told, (rollout.Reversed / RolloutMembers.Size + 1) * RolloutMembers.Size);
        for (var position = rollout.Reversed; position < end; position++)
        {
            var id = members.Devices[position % RolloutMembers.Size];
            if (await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(rollout.Id, id), cancellationToken) is not { } part
                || !Concerns(rollout, part.Document)) continue;
            if (await ReturnAsync(rollout, part.Document, changes, cancellationToken) is not { } way) continue;
            changes.Add(part.Change(part.Document with { Return = way, UpdatedAt = time.GetUtcNow() }));
            if (way.Revision > 0) told.Add(id);
        }
        return new WavePart(rollout with { Reversed = end }, changes, told);
    }

    /// <summary>True when some device still has what the rollout told it, so that there is something to take back.</summary>
    public async Task<bool> HoldsAnyAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        await foreach (var part in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken))
        {
            if (part.Document.Return is not null) continue;
            var (desired, _) = await store.DesiredAsync(part.Document.Device, cancellationToken);
            if (IsBy(rollout, part.Document, desired)) return true;
        }
        return false;
    }

    private static bool Concerns(Rollout rollout, DeviceRollout part)
        => part.Return is null && (rollout.Status == RolloutStatus.RolledBack || part.Status != DeviceRolloutStatus.Succeeded);

    /// <summary>True when the device should still run what the rollout told it.</summary>
    private static bool IsBy(Rollout rollout, DeviceRollout part, DeviceDesired desired) => desired.Of(part.Model) is { } has
        && has.Version == part.Version && (has.By is null ? rollout.Target is null : has.By.Rollout == rollout.Id);

    /// <summary>A device's way back; null when it has nowhere to go, since it had this release before.</summary>
    private async Task<DeviceReturn?> ReturnAsync(
        Rollout rollout, DeviceRollout part, List<StoreChange> changes, CancellationToken cancellationToken)
    {
        var (desired, change) = await store.DesiredAsync(part.Device, cancellationToken);
        if (!IsBy(rollout, part, desired))
        {
            return part.Status == DeviceRolloutStatus.Left
                ? null
                : DeviceRolloutRules.Superseded(new DeviceReturn(default, part.PreviousVersion, 0), desired.Of(part.Model)?.Version);
        }
        var ruling = await RulingAsync(part, cancellationToken);
        var version = rollout.ReturnTo ?? part.ReturnVersion(ruling?.Version);
        if (version == part.Version) return null;
        if (await ReasonAgainstAsync(part, version, cancellationToken) is { } reason)
        {
            var stays = new DeviceReturn(DeviceReturnStatus.NotReturned, version, 0);
            return stays with { Failure = DeploymentFailure.ReleaseExpired, Detail = reason };
        }

        var next = version is { } back ? desired.With(OrderOf(part.Model, back, ruling)) : desired.Without(part.Model);
        changes.Add(change(next));
        await AwaitAsync(rollout, part, next.Of(part.Model)?.Version, changes, cancellationToken);
        return new DeviceReturn(DeviceReturnStatus.SentBack, version, next.Revision);
    }

    /// <summary>The order that returns a device: its target's own, or one that stands in for it.</summary>
    private DesiredRelease OrderOf(string model, int version, Ruling? ruling) => ruling switch
    {
        null => new DesiredRelease(model, version, By: new DesiredBy(null, time.GetUtcNow())),
        { Version: var same } when same == version => ruling.Order(model),
        _ => new DesiredRelease(model, version, By: new DesiredBy(ruling.Target, ruling.DecidedAt) { InsteadOf = ruling.Version }),
    };

    /// <summary>What the device's targets say when rollouts are left aside; the target itself was given back with the order.</summary>
    private async Task<Ruling?> RulingAsync(DeviceRollout part, CancellationToken cancellationToken)
        => await store.DeviceAsync(part.Device, cancellationToken) is { Document: { } device }
            ? Convergence.Decide(
                device, part.Model, null, await store.PinAsync(part.Device, part.Model, cancellationToken),
                await store.TargetsAsync(cancellationToken))
            : null;

    /// <summary>Why the device could not take a release back, as far as that is known here.</summary>
    private async Task<string?> ReasonAgainstAsync(DeviceRollout part, int? version, CancellationToken cancellationToken)
    {
        if (version is not { } back) return null;
        var release = await store.FindAsync<Release>(Release.IdOf(part.Model, back), cancellationToken);
        if (release is null) return $"Release {back} is not stored here.";
        if (release.Document.ExpiresAt > time.GetUtcNow()) return null;
        var reported = (await store.FindAsync<DeviceReported>(part.Device.Value, cancellationToken))?.Document.State.Models
            .FirstOrDefault(model => model.Model == part.Model);
        // What a device still keeps it takes back whatever its age: it has proven itself there.
        return reported?.ActiveVersion == back || reported?.PreviousVersion == back
            ? null
            : $"Release {back} expired at {release.Document.ExpiresAt:u}, and the device does not keep it.";
    }

    /// <summary>
    /// Makes the device's next reports count as the answer. An older way back that was not ended is superseded by this one.
    /// </summary>
    private async Task AwaitAsync(
        Rollout rollout, DeviceRollout part, int? version, List<StoreChange> changes, CancellationToken cancellationToken)
    {
        var id = PendingReturn.IdOf(part.Device, part.Model);
        if (await store.FindAsync<PendingReturn>(id, cancellationToken) is not { } older)
        {
            changes.Add(StoreChange.Create(id, new PendingReturn(rollout.Id)));
            return;
        }
        changes.Add(older.Change(new PendingReturn(rollout.Id)));
        var olderId = DeviceRollout.IdOf(older.Document.Rollout, part.Device);
        if (older.Document.Rollout != rollout.Id
            && await store.FindAsync<DeviceRollout>(olderId, cancellationToken) is { Document.Return: { } way } stored)
            changes.Add(stored.Change(stored.Document with { Return = DeviceRolloutRules.Superseded(way, version) }));
    }
}
