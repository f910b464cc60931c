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
        var ways = await WaysAsync(rollout, part, desired, cancellationToken);
        if (ways.Count == 0) return Superseded(part, desired);
        if (ways.TrueForAll(way => way.IsHeld)) return Held(part, ways[0].Ruling!);
        ways.RemoveAll(way => way.Version == way.Model.Version);
        if (ways.Count == 0) return null;
        part = part with { Models = [.. part.Models.Select(model => Returning(model, ways))] };
        int? only = part.Models.Count == 1 ? ways[0].Version : null;
        foreach (var way in ways)
        {
            if (await ReasonAgainstAsync(part.Device, way, cancellationToken) is not var (failure, reason)) continue;
            var stays = new DeviceReturn(DeviceReturnStatus.NotReturned, only, 0);
            return part with { Return = stays with { Failure = failure, Detail = reason } };
        }

        DesiredRelease[] back =
            [.. ways.Where(way => way.Version is not null).Select(way => OrderOf(way) with { Group = part.Group() })];
        var next = back.Length > 0 ? desired.With(back) : desired;
        next = ways.Where(way => way.Version is null).Aggregate(next, (known, way) => known.Without(way.Model.Model));
        changes.Add(change(next));
        foreach (var way in ways) await AwaitAsync(rollout, part.Device, way.Model.Model, way.Version, changes, cancellationToken);
        return part with { Return = new DeviceReturn(DeviceReturnStatus.SentBack, only, next.Revision) };
    }

    /// <summary>
    /// Where the models go that still have what the rollout told: all to what the operator named, or else to what they last served
    /// together; where one of those was withdrawn since, all to what their targets say, and where that was too, out of service.
    /// </summary>
    private async Task<List<Way>> WaysAsync(
        Rollout rollout, DeviceRollout part, DeviceDesired desired, CancellationToken cancellationToken)
    {
        var ways = new List<Way>();
        foreach (var model in part.Models.Where(model => IsBy(rollout, model, desired)))
        {
            var ruling = await RulingAsync(part.Device, model.Model, cancellationToken);
            var own = desired.Of(model.Model)?.By?.Target;
            ways.Add(new Way(model, model.Version, ruling)
            {
                IsHeld = ruling?.Version == model.Version && (ruling.IsPin || ruling.Target != own),
            });
        }
        Func<Way, int?>[] choices =
        [
            way => rollout.ReturnOf(way.Model.Model) ?? way.Model.ReturnVersion(way.Ruling?.Version),
            way => way.Model.ReturnVersion(way.Ruling?.Version),
            way => way.Ruling?.Version,
        ];
        foreach (var choose in choices)
        {
            List<Way> chosen = [.. ways.Select(way => way.IsHeld ? way : way with { Version = choose(way) })];
            if (!await IsAnyWithdrawnAsync(chosen, cancellationToken)) return chosen;
        }
        return [.. ways.Select(way => way.IsHeld ? way : way with { Version = null })];
    }

    private async Task<bool> IsAnyWithdrawnAsync(IEnumerable<Way> ways, CancellationToken cancellationToken)
    {
        foreach (var way in ways.Where(way => !way.IsHeld))
        {
            if (way.Version is { } back
                && await store.FindAsync<Withdrawal>(Release.IdOf(way.Model.Model, back), cancellationToken)
                    is { Document.Release.KeepServing: false }) return true;
        }
        return false;
    }

    /// <summary>A device that keeps what the rollout told it, since a pin or another target says the same.</summary>
    private static DeviceRollout Held(DeviceRollout part, Ruling ruling)
    {
        var way = new DeviceReturn(DeviceReturnStatus.Superseded, part.Models.Count == 1 ? ruling.Version : null, 0);
        return part with
        {
            Return = way with
            {
                Detail = ruling.IsPin
                    ? $"It is pinned to release {ruling.Version}."
                    : $"Target {ruling.Target} says release {ruling.Version} for it.",
            },
        };
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
    private async Task<(DeploymentFailure Failure, string Reason)?> ReasonAgainstAsync(
        DeviceId device, Way way, CancellationToken cancellationToken)
    {
        if (way.Version is not { } back) return null;
        if (await store.FindAsync<Release>(Release.IdOf(way.Model.Model, back), cancellationToken) is not { Document: var release })
            return (DeploymentFailure.ReleaseExpired, $"Release {back} is not stored here.");
        var said = await SaidAsync(device, way.Model.Model, cancellationToken);
        // One that may serve on is not returned to.
        if (release.WithdrawnAt is { } withdrawn && said?.ActiveVersion != back)
            return (DeploymentFailure.ReleaseWithdrawn, $"Release {back} was withdrawn at {withdrawn:u}.");
        // What a device still keeps it takes back whatever its age: it has proven itself there.
        return release.ExpiresAt > time.GetUtcNow() || said?.ActiveVersion == back || said?.PreviousVersion == back
            ? null
            : (DeploymentFailure.ReleaseExpired, $"Release {back} expired at {release.ExpiresAt:u}, and the device does not keep it.");
    }

    private async Task<ReportedModel?> SaidAsync(DeviceId device, string model, CancellationToken cancellationToken)
        => (await store.FindAsync<DeviceReported>(device.Value, cancellationToken))?.Document.State.Models
            .FirstOrDefault(said => said.Model == model);

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
    private sealed record Way(ModelRollout Model, int? Version, Ruling? Ruling)
    {
        /// <summary>A pin, or a target that the rollout does not move, holds the device on what the rollout told it.</summary>
        public bool IsHeld { get; init; }
    }
}
