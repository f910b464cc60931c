using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What remains to be done for a rollout that has ended: its orders are taken back, its targets and its models are set free.
/// </summary>
internal sealed class RolloutEnding(
    IFleetStore store, RolloutReversal reversal, RolloutTargets targets, ConvergenceQueue converging, DesiredNotices notices,
    TimeProvider time)
{
    /// <summary>Takes the orders of a part of its devices back, in one commit.</summary>
    /// <returns>The rollout as it is then.</returns>
    public async Task<Rollout> StepAsync(Stored<Rollout> stored, CancellationToken cancellationToken)
    {
        var rollout = stored.Document;
        var part = await reversal.NextAsync(
            rollout, await store.MembersAsync(rollout, rollout.Reversed, cancellationToken), cancellationToken);
        var after = part.Rollout.IsOpen ? part.Rollout : part.Rollout with { FinishedAt = time.GetUtcNow() };
        await store.CommitAsync(
            [stored.Change(after), .. part.Changes, .. after.IsOpen ? [] : await ClosingAsync(after, cancellationToken)],
            cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
        if (!after.IsOpen) converging.ChangedForAll();
        return after;
    }

    /// <summary>Takes all its orders back, so that whoever ordered it can order the next thing at once.</summary>
    public async Task FinishAsync(string id, CancellationToken cancellationToken)
    {
        while (await store.FindAsync<Rollout>(id, cancellationToken) is { Document: { TakesBack: true, IsOpen: true } } stored)
        {
            try
            {
                await StepAsync(stored, cancellationToken);
            }
            catch (VersionConflictException)
            {
                // The engine does the same, or a device reported: look again.
                await Task.Yield();
            }
        }
    }

    /// <summary>What changes with a rollout that has nothing left to do: its targets are set free, and its models.</summary>
    public async Task<IReadOnlyList<StoreChange>> ClosingAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        // The order that rolled it back took its targets along; what came to them since counts more.
        var changes = new List<StoreChange>(
            rollout.Status == RolloutStatus.RolledBack ? [] : await targets.EndAsync(rollout, cancellationToken));
        foreach (var (model, _) in rollout.Plan.Moved())
        {
            if (await store.FindAsync<OpenRollout>(model, cancellationToken) is { } open && open.Document.Rollout == rollout.Id)
                changes.Add(open.Removal());
        }
        return changes;
    }
}
