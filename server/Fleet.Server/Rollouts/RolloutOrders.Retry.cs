using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The order that asks failed devices once more.</summary>
internal sealed partial class RolloutOrders
{
    /// <summary>
    /// Tells every device that failed, and still has the order, to try again: at once as many as the rollout's budgets let go, the others
    /// as soon as they do. A rollout that had succeeded is open again until they have finished; one that was paused stays so.
    /// </summary>
    public async Task<Answer<Rollout>> RetryAsync(string id, CancellationToken cancellationToken)
    {
        if (await WhyNotAgainAsync(id, cancellationToken) is { } refusal) return refusal;
        var failed = await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(id), cancellationToken)
            .Where(part => MayBeAsked(part.Document)).Select(part => part.Document.Device).ToListAsync(cancellationToken);
        var asked = 0;
        foreach (var part in failed.Chunk(RolloutMembers.Size))
            asked += await store.RetryAsync(_ => AwaitAsync(id, part, cancellationToken), cancellationToken);
        if (asked == 0)
            return Refusal.Conflict($"No device of rollout {id} has failed and still has its order: there is nothing to retry.");
        // After the devices: a rollout that is open again is judged at once, and by then nobody of them has failed any more.
        var answer = await ChangeAsync(id, "retried", (rollout, now) => Task.FromResult<Rollout?>(
            rollout.WithOpen(rollout.Open with { FinishedAt = null, Acknowledged = 0 }) with
            {
                Status = rollout.Status == RolloutStatus.Succeeded ? RolloutStatus.Running : rollout.Status,
                FinishedAt = null,
                ResumedAt = now,
                Retries = true,
            }), cancellationToken);
        if (answer.Problem is not null) return answer;
        // Here and not by the engine alone, which does nothing for a rollout that is paused.
        while (await store.RetryAsync(_ => TellAgainAsync(id, cancellationToken), cancellationToken)) await Task.Yield();
        return (await store.FindAsync<Rollout>(id, cancellationToken))!.Document;
    }

    private async Task<ApiProblem?> WhyNotAgainAsync(string id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document: var rollout })
            return Refusal.Unknown($"There is no rollout '{id}'.");
        if (rollout.Status is RolloutStatus.Aborted or RolloutStatus.RolledBack)
            return Refusal.Conflict($"Rollout {id} is {rollout.Status.ToWords()}: start it again instead.");
        foreach (var planned in rollout.Plan.Moved())
        {
            var release = await store.FindAsync<Release>(Release.IdOf(planned.Model, planned.Version), cancellationToken);
            if (ProblemOf(planned, release?.Document, time.GetUtcNow()) is { } problem)
                return Refusal.Conflict(
                    $"Rollout {id} cannot be retried. {problem.Title}",
                    "Then start a rollout of the new release: its devices are asked anew.");
        }
        return await OtherOpenAsync(rollout, cancellationToken);
    }

    /// <summary>Also one that waits already: an order that was cut short may be repeated.</summary>
    private static bool MayBeAsked(DeviceRollout part)
        => part is { Status: DeviceRolloutStatus.Failed or DeviceRolloutStatus.Waiting, Return: null };

    /// <summary>Marks a part of them, and the rollout, in one commit: they are to be told once more.</summary>
    /// <returns>How many.</returns>
    private async Task<int> AwaitAsync(string rollout, DeviceId[] devices, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(rollout, cancellationToken) is not { Document.TakesBack: false } stored) return 0;
        var (changes, asked) = (new List<StoreChange>(), 0);
        foreach (var device in devices)
        {
            var part = await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(rollout, device), cancellationToken);
            if (part is null || !MayBeAsked(part.Document)
                || part.Document.OrderedBy((await store.DesiredAsync(device, cancellationToken)).Desired) is null) continue;
            asked++;
            if (part.Document.Status == DeviceRolloutStatus.Failed)
                changes.Add(part.Change(DeviceRolloutRules.Await(part.Document, time.GetUtcNow())));
        }
        if (!stored.Document.Retries) changes.Add(stored.Change(stored.Document with { Retries = true }));
        if (asked > 0 && changes.Count > 0) await store.CommitAsync(changes, cancellationToken);
        return asked;
    }

    /// <summary>Tells the next of them that the budgets let go.</summary>
    /// <returns>True when there may be more.</returns>
    private async Task<bool> TellAgainAsync(string id, CancellationToken cancellationToken)
    {
        using var turn = await opening.TurnAsync(cancellationToken);
        if (await store.FindAsync<Rollout>(id, cancellationToken)
            is not { Document: { Retries: true, TakesBack: false, IsOpen: true } rollout } stored) return false;
        var part = await opening.AgainAsync(rollout, time.GetUtcNow(), cancellationToken);
        if (part.Changes.Count == 0 && part.Rollout.Retries) return false;
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
        return part.Rollout.Retries;
    }
}
