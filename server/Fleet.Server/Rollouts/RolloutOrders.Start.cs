using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The order that starts a rollout.</summary>
internal sealed partial class RolloutOrders
{
    /// <summary>Starts a rollout: freezes plan and members and tells the first devices, in one commit.</summary>
    public Task<Answer<Rollout>> StartAsync(RolloutPlan plan, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> problems = plan.Waves.Any(wave => wave is null) ? ["waves: none may be null."] : plan.Problems();
        return problems.Count == 0 && DeviceFilter.TryParse(plan.Filter, out var filter, out _)
            ? store.RetryAsync(_ => TryStartAsync(plan, filter, cancellationToken), cancellationToken)
            : Task.FromResult<Answer<Rollout>>(Refusal.Invalid("The rollout plan breaks rules.", problems));
    }

    private async Task<Answer<Rollout>> TryStartAsync(RolloutPlan plan, DeviceFilter filter, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await store.FindAsync<Release>(Release.IdOf(plan.Model, plan.Version), cancellationToken) is not { Document: var release })
            return Refusal.Unknown($"There is no release {plan.Model} {plan.Version}.");
        if (release.ExpiresAt <= now) return Refusal.Conflict(
            $"Release {plan.Model} {plan.Version} expired at {release.ExpiresAt:u}: no device would take it. Release the build again.");
        if (await store.FindAsync<OpenRollout>(plan.Model, cancellationToken) is { Document: var open })
            return Refusal.Conflict($"Rollout {open.Rollout} of model {plan.Model} is still open: abort it or roll it back first.");

        var id = NewId.At(now);
        var (target, targetChange) = await targets.BeginAsync(plan, Target.CanonicalFilter(filter), id, now, cancellationToken);
        var rollout = new Rollout { Id = id, Plan = plan, Waves = [], CreatedAt = now, Target = target.Name, Before = target.Release };
        var known = await store.TargetsAsync(cancellationToken);
        if (known.All(each => each.Name != target.Name)) known = [.. known, target];
        var selection = await SelectAsync(rollout, release, filter, known, cancellationToken);
        if (selection.Members.Count == 0) return Nobody(plan, selection);

        var ends = WaveMembership.Ends(plan.Waves, selection.Members.Count);
        rollout = rollout with
        {
            Excluded = selection.Excluded,
            Waves = [.. ends.Select((end, i) => new Wave(i + 1, i == 0 ? 0 : ends[i - 1], end) { OpenedAt = i == 0 ? now : null })],
            IsWhole = ends[^1] == selection.Members.Count,
        };
        RolloutMembers[] members = [.. selection.Members.Take(rollout.Members).Chunk(RolloutMembers.Size)
            .Select(part => new RolloutMembers(part))];
        var first = await opening.NextAsync(rollout, members[0], known, now, cancellationToken);
        await store.CommitAsync(
        [
            StoreChange.Create(rollout.Id, first.Rollout),
            StoreChange.Create(plan.Model, new OpenRollout(rollout.Id)),
            targetChange,
            .. members.Select((part, number) => StoreChange.Create(RolloutMembers.IdOf(rollout.Id, number), part)),
            .. first.Changes,
        ], cancellationToken);
        LogStarted(rollout.Id, plan.Model, plan.Version, rollout.Members, rollout.Waves.Count);
        foreach (var device in first.Told) notices.Notify(device);
        wake.Set();
        return first.Rollout;
    }

    private static ApiProblem Nobody(RolloutPlan plan, RolloutSelection selection)
    {
        var which = plan.Filter.Length == 0 ? "device" : $"device that filter '{plan.Filter}' selects";
        return Refusal.Conflict(
            selection.Excluded.Count == 0
                ? $"There is no {which}, so that there is nothing to roll release {plan.Model} {plan.Version} out to."
                : $"No {which} could be served release {plan.Model} {plan.Version}.",
            [.. selection.Excluded.Select(excluded => $"{excluded.Devices} left out: {excluded.Reason}")]);
    }

    /// <summary>Members in order, and who is left out and why.</summary>
    private async Task<RolloutSelection> SelectAsync(
        Rollout rollout, Release release, DeviceFilter filter, IReadOnlyList<Target> known, CancellationToken cancellationToken)
    {
        var candidates = new List<Candidate>();
        var pins = new Dictionary<DeviceId, Pin>();
        await foreach (var device in store.DevicesAsync(filter, null, cancellationToken))
        {
            candidates.Add(await store.CandidateAsync(device.Document, cancellationToken));
            if (await store.PinAsync(device.Document.Id, rollout.Plan.Model, cancellationToken) is { } pin) pins[pin.Device] = pin;
        }
        var moved = RolloutTargets.AsMoved(rollout, known);
        return RolloutSelection.Of(
            release.ReadManifest(), candidates, candidate => RolloutTargets.ReasonAgainst(
                rollout, candidate.Device, candidate.Desired.Of(rollout.Plan.Model), pins.GetValueOrDefault(candidate.Device.Id), moved));
    }

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} of {Model} {Version} starts: {Devices} devices in {Waves} waves")]
    private partial void LogStarted(string rollout, string model, int version, int devices, int waves);
}
