using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>What an operator may order of a rollout. Each order is one commit and may be repeated; the engine does the rest.</summary>
internal sealed partial class RolloutOrders(
    IFleetStore store, WaveOpening opening, DesiredNotices notices, RolloutWake wake, TimeProvider time, ILogger<RolloutOrders> logger)
{
    /// <summary>Starts a rollout: freezes plan and members and tells the first devices, in one commit.</summary>
    public Task<Answer<Rollout>> StartAsync(RolloutPlan plan, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> problems = plan.Waves.Any(wave => wave is null) ? ["waves: none may be null."] : plan.Problems();
        return problems.Count == 0 && DeviceFilter.TryParse(plan.Filter, out var filter, out _)
            ? store.RetryAsync(_ => TryStartAsync(plan, filter, cancellationToken), cancellationToken)
            : Task.FromResult<Answer<Rollout>>(Refusal.Invalid("The rollout plan breaks rules.", problems));
    }

    /// <summary>Tells no further device until it is resumed. Devices that were told go on.</summary>
    public Task<Answer<Rollout>> PauseAsync(
        string id, CancellationToken cancellationToken) => ChangeAsync(id, "paused", (rollout, _) => Task.FromResult(rollout.Status switch
        {
            RolloutStatus.Paused => rollout,
            RolloutStatus.Running
                => rollout with { Status = RolloutStatus.Paused, Reason = "Paused by an operator.", PausedByRule = false },
            _ => null,
        }), cancellationToken);

    /// <summary>Goes on. When the rules had paused it, the failures seen so far are accepted: whoever resumes has looked at them.</summary>
    public Task<Answer<Rollout>> ResumeAsync(
        string id, CancellationToken cancellationToken) => ChangeAsync(id, "resumed", async (rollout, now) => rollout.Status switch
    {
        RolloutStatus.Running => rollout,
        RolloutStatus.Paused
            => (
                rollout.PausedByRule
                    ? rollout.WithOpen(rollout.Open with { Acknowledged = await FailedAsync(rollout, cancellationToken) })
                    : rollout) with
            {
                Status = RolloutStatus.Running,
                Reason = "",
                PausedByRule = false,
                ResumedAt = now,
            },
        _ => null,
    }, cancellationToken);

    /// <summary>Stops for good; devices keep what they have and what they were told.</summary>
    public Task<Answer<Rollout>> AbortAsync(string id, CancellationToken cancellationToken)
        => ChangeAsync(id, "aborted", (rollout, now) => Task.FromResult(rollout.Status switch
        {
            RolloutStatus.Aborted => rollout,
            RolloutStatus.Running or RolloutStatus.Paused
                => rollout with { Status = RolloutStatus.Aborted, Reason = "Aborted by an operator.", FinishedAt = now },
            _ => null,
        }), cancellationToken);

    /// <summary>Stops for good and sends every device that was told back to what it had before.</summary>
    public Task<Answer<Rollout>> RollBackAsync(string id, CancellationToken cancellationToken)
        => ChangeAsync(id, "rolled back", (rollout, _) => Task.FromResult<Rollout?>(rollout.Status switch
        {
            RolloutStatus.RolledBack => rollout,
            _ => rollout with { Status = RolloutStatus.RolledBack, Reason = "Rolled back by an operator.", FinishedAt = null },
        }), cancellationToken);

    private async Task<Answer<Rollout>> TryStartAsync(RolloutPlan plan, DeviceFilter filter, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await store.FindAsync<Release>(Release.IdOf(plan.Model, plan.Version), cancellationToken) is not { Document: var release })
            return Refusal.Unknown($"There is no release {plan.Model} {plan.Version}.");
        if (release.ExpiresAt <= now) return Refusal.Conflict(
            $"Release {plan.Model} {plan.Version} expired at {release.ExpiresAt:u}: no device would take it. Release the build again.");
        if (await store.FindAsync<OpenRollout>(plan.Model, cancellationToken) is { Document: var open })
            return Refusal.Conflict($"Rollout {open.Rollout} of model {plan.Model} is still open: abort it or roll it back first.");

        var selection = RolloutSelection.Of(release.ReadManifest(), await TargetsAsync(filter, cancellationToken));
        if (selection.Members.Count == 0)
        {
            var which = plan.Filter.Length == 0 ? "device" : $"device that filter '{plan.Filter}' selects";
            return Refusal.Conflict(
                selection.Excluded.Count == 0
                    ? $"There is no {which}, so that there is nothing to roll release {plan.Model} {plan.Version} out to."
                    : $"No {which} could be served release {plan.Model} {plan.Version}.",
                [.. selection.Excluded.Select(excluded => $"{excluded.Devices} left out: {excluded.Reason}")]);
        }

        var ends = WaveMembership.Ends(plan.Waves, selection.Members.Count);
        var rollout = new Rollout
        {
            Id = NewId.At(now),
            Plan = plan,
            CreatedAt = now,
            Excluded = selection.Excluded,
            Waves = [.. ends.Select((end, i) => new Wave(i + 1, i == 0 ? 0 : ends[i - 1], end) { OpenedAt = i == 0 ? now : null })],
        };
        RolloutMembers[] members = [.. selection.Members.Take(rollout.Members).Chunk(RolloutMembers.Size)
            .Select(part => new RolloutMembers(part))];
        var first = await opening.NextAsync(rollout, members[0], now, cancellationToken);
        await store.CommitAsync(
        [
            StoreChange.Create(rollout.Id, first.Rollout),
            StoreChange.Create(plan.Model, new OpenRollout(rollout.Id)),
            .. members.Select((part, number) => StoreChange.Create(RolloutMembers.IdOf(rollout.Id, number), part)),
            .. first.Changes,
        ], cancellationToken);
        LogStarted(rollout.Id, plan.Model, plan.Version, rollout.Members, rollout.Waves.Count);
        foreach (var device in first.Told) notices.Notify(device);
        wake.Set();
        return first.Rollout;
    }

    private async Task<List<Target>> TargetsAsync(DeviceFilter filter, CancellationToken cancellationToken)
    {
        var targets = new List<Target>();
        await foreach (var device in store.DevicesAsync(filter, null, cancellationToken))
        {
            var desired = await store.FindAsync<DeviceDesired>(device.Id, cancellationToken);
            var reported = await store.FindAsync<DeviceReported>(device.Id, cancellationToken);
            targets.Add(
                new Target(
                    device.Document, [.. desired?.Document.Assignments.Select(assignment => assignment.Model) ?? []],
                    reported?.Document.State.Protocol));
        }
        return targets;
    }

    /// <summary>Applies an order: null from <paramref name="order"/> refuses it, the same instance means that it is done already.</summary>
    private async Task<Answer<Rollout>> ChangeAsync(
        string id, string past, Func<Rollout, DateTimeOffset, Task<Rollout?>> order, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync<Answer<Rollout>>(async _ =>
        {
            if (await store.FindAsync<Rollout>(id, cancellationToken) is not { } stored)
                return Refusal.Unknown($"There is no rollout '{id}'.");
            var before = stored.Document;
            if (await order(before, time.GetUtcNow()) is not { } after)
                return Refusal.Conflict($"Rollout {id} is {before.Status.ToWords()}: it cannot be {past}.");
            if (ReferenceEquals(after, before)) return before;

            var changes = new List<StoreChange> { stored.Change(after) };
            var open = await store.FindAsync<OpenRollout>(after.Plan.Model, cancellationToken);
            if (open is not null && open.Document.Rollout != id)
                return Refusal.Conflict($"Rollout {open.Document.Rollout} of model {after.Plan.Model} is open: abort it first.");
            // A rollout that ended opens again to send its devices back, and one that ends makes room for the next.
            if (after.IsOpen && open is null) changes.Add(StoreChange.Create(after.Plan.Model, new OpenRollout(id)));
            if (!after.IsOpen && open is not null) changes.Add(open.Removal());
            await store.CommitAsync(changes, cancellationToken);
            LogOrdered(id, after.Status.ToWords());
            return after;
        }, cancellationToken);
        wake.Set();
        return answer;
    }

    private async Task<int> FailedAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken)
            .CountAsync(
                each => each.Document.Wave == rollout.OpenWave && each.Document.Status == DeviceRolloutStatus.Failed, cancellationToken);

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} of {Model} {Version} starts: {Devices} devices in {Waves} waves")]
    private partial void LogStarted(string rollout, string model, int version, int devices, int waves);

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} is {Status} by order of an operator")]
    private partial void LogOrdered(string rollout, string status);
}
