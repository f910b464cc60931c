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
            // Whoever waited to be told once more is told something else.
            var ended = DeviceRolloutRules.AwaitNoMore(part.Document, null, time.GetUtcNow());
            var after = await ReturnAsync(rollout, ended, changes, cancellationToken) ?? ended;
            if (ReferenceEquals(after, part.Document)) continue;
            changes.Add(part.Change(after with { UpdatedAt = time.GetUtcNow() }));
            if (after.Return is { Revision: > 0 }) told.Add(id);
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
            if (part.Document.Models.Any(model => IsBy(rollout, model, desired))) return true;
        }
        return false;
    }

    private static bool Concerns(Rollout rollout, DeviceRollout part)
        => part.Return is null && (rollout.Status == RolloutStatus.RolledBack || part.Status != DeviceRolloutStatus.Succeeded);

    /// <summary>True when the device should still run what the rollout told it of a model.</summary>
    private static bool IsBy(Rollout rollout, ModelRollout model, DeviceDesired desired) => desired.Of(model.Model) is { } has
        && has.Version == model.Version
        && (has.By is null ? rollout.Targets.Count == 0 : has.By.Rollout == rollout.Id);

    /// <summary>
    /// A device's part on its way back; null when it has nowhere to go, since it had these releases before. All its models return
    /// together, or none does.
    /// </summary>
    private async Task<DeviceRollout?> ReturnAsync(
        Rollout rollout, DeviceRollout part, List<StoreChange> changes, CancellationToken cancellationToken)
    {
        var (desired, change) = await store.DesiredAsync(part.Device, cancellationToken);
        var ways = new List<Way>();
        foreach (var model in part.Models.Where(model => IsBy(rollout, model, desired)))
        {
            var ruling = await RulingAsync(part.Device, model.Model, cancellationToken);
            ways.Add(new Way(model, rollout.ReturnTo ?? model.ReturnVersion(ruling?.Version), ruling));
        }
        if (ways.Count == 0) return Superseded(part, desired);
        ways.RemoveAll(way => way.Version == way.Model.Version);
        if (ways.Count == 0) return null;
        part = part with { Models = [.. part.Models.Select(model => Returning(model, ways))] };
        int? only = part.Models.Count == 1 ? ways[0].Version : null;
        foreach (var way in ways)
        {
            if (await ReasonAgainstAsync(part.Device, way, cancellationToken) is not { } reason) continue;
            var stays = new DeviceReturn(DeviceReturnStatus.NotReturned, only, 0);
            return part with { Return = stays with { Failure = DeploymentFailure.ReleaseExpired, Detail = reason } };
        }

        DesiredRelease[] back =
            [.. ways.Where(way => way.Version is not null).Select(way => OrderOf(way) with { Group = rollout.Group() })];
        var next = back.Length > 0 ? desired.With(back) : desired;
        next = ways.Where(way => way.Version is null).Aggregate(next, (known, way) => known.Without(way.Model.Model));
        changes.Add(change(next));
        foreach (var way in ways) await AwaitAsync(rollout, part.Device, way.Model.Model, way.Version, changes, cancellationToken);
        return part with { Return = new DeviceReturn(DeviceReturnStatus.SentBack, only, next.Revision) };
    }

    private static DeviceRollout? Superseded(DeviceRollout part, DeviceDesired desired)
    {
        if (part.Status == DeviceRolloutStatus.Left) return null;
        var first = part.Models[0];
        var nowhere = new DeviceReturn(default, part.Models.Count == 1 ? first.PreviousVersion : null, 0);
        return part with { Return = DeviceRolloutRules.Superseded(nowhere, desired.Of(first.Model)?.Version) };
    }

    private static ModelRollout Returning(ModelRollout model, List<Way> ways) => ways.Find(way => way.Model.Model == model.Model) is { } way
        ? model with { IsReturning = true, ReturnsTo = way.Version }
        : model;

    /// <summary>The order that returns a model: its target's own, or one that stands in for it.</summary>
    private DesiredRelease OrderOf(Way way) => (way.Model.Model, way.Version!.Value, way.Ruling) switch
    {
        (var model, var version, null) => new DesiredRelease(model, version, By: new DesiredBy(null, time.GetUtcNow())),
        (var model, var version, { Version: var same } ruling) when same == version => ruling.Order(model),
        (var model, var version, { } ruling) => new DesiredRelease(
            model, version, By: new DesiredBy(ruling.Target, ruling.DecidedAt) { InsteadOf = ruling.Version }),
    };

    /// <summary>What the device's targets say when rollouts are left aside; the target itself was given back with the order.</summary>
    private async Task<Ruling?> RulingAsync(DeviceId id, string model, CancellationToken cancellationToken)
        => await store.DeviceAsync(id, cancellationToken) is { Document: { } device }
            ? Convergence.Decide(
                device, model, null, await store.PinAsync(id, model, cancellationToken), await store.TargetsAsync(cancellationToken))
            : null;

    /// <summary>Why the device could not take a release back, as far as that is known here.</summary>
    private async Task<string?> ReasonAgainstAsync(DeviceId device, Way way, CancellationToken cancellationToken)
    {
        if (way.Version is not { } back) return null;
        var release = await store.FindAsync<Release>(Release.IdOf(way.Model.Model, back), cancellationToken);
        if (release is null) return $"Release {back} is not stored here.";
        if (release.Document.ExpiresAt > time.GetUtcNow()) return null;
        var reported = (await store.FindAsync<DeviceReported>(device.Value, cancellationToken))?.Document.State.Models
            .FirstOrDefault(model => model.Model == way.Model.Model);
        // What a device still keeps it takes back whatever its age: it has proven itself there.
        return reported?.ActiveVersion == back || reported?.PreviousVersion == back
            ? null
            : $"Release {back} expired at {release.Document.ExpiresAt:u}, and the device does not keep it.";
    }

    /// <summary>
    /// Makes the device's next reports count as the answer. An older way back that was not ended is superseded by this one.
    /// </summary>
    private async Task AwaitAsync(
        Rollout rollout, DeviceId device, string model, int? version, List<StoreChange> changes, CancellationToken cancellationToken)
    {
        var id = PendingReturn.IdOf(device, model);
        if (await store.FindAsync<PendingReturn>(id, cancellationToken) is not { } older)
        {
            changes.Add(StoreChange.Create(id, new PendingReturn(rollout.Id)));
            return;
        }
        changes.Add(older.Change(new PendingReturn(rollout.Id)));
        var olderId = DeviceRollout.IdOf(older.Document.Rollout, device);
        if (older.Document.Rollout == rollout.Id || changes.Any(change => change.Id == olderId)) return;
        if (await store.FindAsync<DeviceRollout>(olderId, cancellationToken) is { Document.Return: { } way } stored)
            changes.Add(stored.Change(stored.Document with { Return = DeviceRolloutRules.Superseded(way, version) }));
    }

    /// <summary>One model's way back.</summary>
    /// <param name="Model">Its part in the rollout.</param>
    /// <param name="Version">Where it returns to; null for serving nothing.</param>
    /// <param name="Ruling">What its targets say without the rollout.</param>
    private sealed record Way(ModelRollout Model, int? Version, Ruling? Ruling);
}
