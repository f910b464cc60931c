using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>A part of a wave to commit: everything in it, or nothing.</summary>
/// <param name="Rollout">The rollout with its cursor moved.</param>
/// <param name="Changes">Device rollouts and desired states; the rollout itself is not among them.</param>
/// <param name="Told">Devices whose desired state is among the changes: they are told after the commit.</param>
internal sealed record WavePart(Rollout Rollout, IReadOnlyList<StoreChange> Changes, IReadOnlyList<DeviceId> Told)
{
    /// <summary>Documents that its budgets were read from.</summary>
    public int Read { get; init; }
}

/// <summary>Tells the devices of the open wave, <see cref="RolloutMembers.Size"/> at a time.</summary>
internal sealed partial class WaveOpening(IFleetStore store, DeviceBoard board, FetchLedger ledger) : IDisposable
{
    /// <summary>One reading of the budgets and the commit that follows from it at a time, of whichever rollout.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>
    /// Whoever tells devices holds this from the reading of the budgets to the commit: two that read the same budget would both spend it.
    /// </summary>
    public async Task<IDisposable> TurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        return new Turn(_turn);
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    /// <summary>The next part of the open wave, from the rollout's cursor to the end of the wave or of the members' document.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="members">Its members around the cursor.</param>
    /// <param name="targets">Every target, the rollout's own included.</param>
    /// <param name="now">The moment at which they are told.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<WavePart> NextAsync(
        Rollout rollout, RolloutMembers members, IReadOnlyList<Target> targets, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        var skipped = 0;
        var end = Math.Min(rollout.Open.End, (rollout.Told / RolloutMembers.Size + 1) * RolloutMembers.Size);
        var moved = RolloutTargets.AsMoved(rollout, targets);
        var budget = await UnavailableBudget.ReadAsync(store, board, rollout, cancellationToken);
        var bytes = await ByteBudget.ReadAsync(store, ledger, rollout, cancellationToken);
        var manifests = await ManifestsAsync(rollout.Plan.Moved(), cancellationToken);
        string? held = null;
        var isSpent = false;
        for (var position = rollout.Told; position < end; position++)
        {
            var id = members.Devices[position % RolloutMembers.Size];
            if (await OfferAsync(rollout, id, moved, manifests, now, cancellationToken) is not { } offer)
            {
                skipped++;
                continue;
            }
            held = budget.ReasonAgainst(id);
            var isRunning = offer.Part.Status == DeviceRolloutStatus.Running;
            if (held is null && isRunning && (held = bytes.ReasonAgainst(offer.Part.MostBytes)) is not null) isSpent = !bytes.MayGetBetter;
            if (held is not null)
            {
                end = position; // It and the rest wait until a budget lets it go.
                break;
            }
            if (isRunning)
            {
                budget.Count(id);
                bytes.Count(offer.Part.MostBytes);
            }
            changes.Add(StoreChange.Create(DeviceRollout.IdOf(rollout.Id, id), offer.Part));
            if (offer.Order is not null) changes.Add(offer.Order);
            if (offer.IsNew) told.Add(id);
        }
        var wave = rollout.Open with { Skipped = rollout.Open.Skipped + skipped, Held = held, Spent = isSpent ? held : null };
        return new WavePart(rollout.WithOpen(wave) with { Told = end }, changes, told) { Read = budget.Read + bytes.Read };
    }

    /// <summary>What a device would be told; null when it is not the rollout's to decide for any more, or could only fail.</summary>
    private async Task<Offer?> OfferAsync(
        Rollout rollout, DeviceId id, IReadOnlyList<Target> moved, IReadOnlyList<ReleaseManifest> manifests, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(id, cancellationToken) is not { Document: { IsRevoked: false } device }) return null;
        var (desired, change) = await store.DesiredAsync(id, cancellationToken);
        var pins = await store.PinsAsync(id, rollout.Plan.Moved().Select(release => release.Model), cancellationToken);
        if (RolloutTargets.ReasonAgainst(rollout, device, desired, pins, moved) is not null) return null;
        var reported = (await store.FindAsync<DeviceReported>(id.Value, cancellationToken))?.Document.State;
        // What it could take when the rollout began may have changed: an older agent, another profile, more models.
        var candidate = new Candidate(device, desired, reported?.Protocol);
        var along = GroupRules.Along(desired, [.. manifests.Select(manifest => manifest.Model)], reported);
        // What another rollout has under way together is not taken apart by this one.
        if (along.Any(release => moved.Any(target => target.Moving == release.Group))) return null;
        IReadOnlyList<PlannedRelease> releases =
            [.. rollout.Plan.Moved(), .. along.Select(release => new PlannedRelease(release.Model, release.Version))];
        if (along.Count > 0) manifests = await ManifestsAsync(releases, cancellationToken);
        if ((RolloutSelection.ReasonAgainst(manifests, candidate)
            ?? RolloutTargets.LimitsOf(rollout.Plan)?.ReasonAgainst(manifests, candidate)) is not null) return null;
        var begun = Begin(rollout, id, releases, desired, reported, now) with
        {
            MostBytes = ReleaseLimits.BytesOf(manifests, device.Facts),
        };
        var (part, next) = Tell(begun, rollout, desired, reported, now);
        return new Offer(part, ReferenceEquals(next, desired) ? null : change(next), next.Revision != desired.Revision);
    }

    private async Task<IReadOnlyList<ReleaseManifest>> ManifestsAsync(
        IReadOnlyList<PlannedRelease> releases, CancellationToken cancellationToken)
    {
        var manifests = new List<ReleaseManifest>();
        foreach (var (model, version) in releases)
        {
            if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { Document: var release })
                manifests.Add(release.ReadManifest());
        }
        return manifests;
    }

    /// <summary>A device's part as it begins, and what the device should run from then on.</summary>
    private static (DeviceRollout Part, DeviceDesired Desired) Tell(
        DeviceRollout begun, Rollout rollout, DeviceDesired desired, ReportedState? reported, DateTimeOffset now)
    {
        DesiredBy ByOf(ModelRollout model)
            => new(
                rollout.Targets.FirstOrDefault(moved => moved.Model == model.Model)?.Target ?? desired.Of(model.Model)?.By?.Target,
                rollout.DecidedAt)
            {
                Rollout = rollout.Id,
            };
        // A device that serves these releases already says so in what it reported last; telling it again would prove nothing.
        var answered = begun.Models.All(model => model.PreviousVersion == model.Version) && reported is not null
            ? DeviceRolloutRules.Answer(begun, reported, now)
            : begun;
        if (answered.Status == DeviceRolloutStatus.Succeeded)
            return (answered, begun.Models.Aggregate(desired, (known, model) => known.Marked(model.Model, ByOf(model))));
        // A new revision even when the version stays: the device tries again what it had given up.
        var next = desired.With(begun.Models.Select(model => new DesiredRelease(model.Model, model.Version, By: ByOf(model))
        {
            Window = rollout.Plan.Window,
            Group = begun.Group(),
        }));
        return (begun with { Revision = next.Revision }, next);
    }

    private static DeviceRollout Begin(
        Rollout rollout, DeviceId device, IEnumerable<PlannedRelease> releases, DeviceDesired desired, ReportedState? reported,
        DateTimeOffset now) => new()
        {
            Rollout = rollout.Id,
            Device = device,
            Models = [.. releases.Select(release => Begin(release, desired, reported))],
            Wave = rollout.OpenWave,
            Revision = desired.Revision,
            ToldAt = now,
            PhaseSince = now,
            UpdatedAt = now,
        };

    private static ModelRollout Begin(PlannedRelease release, DeviceDesired desired, ReportedState? reported)
    {
        var said = reported?.Models.FirstOrDefault(each => each.Model == release.Model);
        var previous = desired.Of(release.Model)?.Version;
        return new ModelRollout(release.Model, release.Version)
        {
            PreviousVersion = previous,
            ServedVersion = said?.ActiveVersion,
            PreviousFailed = said is { Phase: DeploymentPhase.RolledBack } && said.Version == previous,
        };
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }

    /// <summary>What a device would be told.</summary>
    /// <param name="Part">Its part in the rollout.</param>
    /// <param name="Order">What it should run from then on; null when that stays as it is.</param>
    /// <param name="IsNew">True when it has to be told.</param>
    private sealed record Offer(DeviceRollout Part, StoreChange? Order, bool IsNew);
}
