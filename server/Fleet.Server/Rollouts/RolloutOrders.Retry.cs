using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The order that asks failed devices once more.</summary>
internal sealed partial class RolloutOrders
{
    /// <summary>
    /// Tells every device that failed, and still has the order, to try again. A rollout that had succeeded is open again until they have
    /// finished; one that was paused stays so.
    /// </summary>
    public async Task<Answer<Rollout>> RetryAsync(string id, CancellationToken cancellationToken)
    {
        if (await WhyNotAgainAsync(id, cancellationToken) is { } refusal) return refusal;
        var failed = await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(id), cancellationToken)
            .Where(part => part.Document is { Status: DeviceRolloutStatus.Failed, Return: null }).Select(part => part.Document.Device)
            .ToListAsync(cancellationToken);
        var told = 0;
        foreach (var part in failed.Chunk(RolloutMembers.Size))
        {
            foreach (var device in await store.RetryAsync(_ => TryAgainAsync(id, part, cancellationToken), cancellationToken))
            {
                notices.Notify(device);
                told++;
            }
        }
        if (told == 0) return Refusal.Conflict($"No device of rollout {id} has failed and still has its order: there is nothing to retry.");
        // After the devices: a rollout that is open again is judged at once, and by then nobody of them has failed any more.
        return await ChangeAsync(id, "retried", (rollout, now) => Task.FromResult<Rollout?>(
            rollout.WithOpen(rollout.Open with { FinishedAt = null, Acknowledged = 0 }) with
            {
                Status = rollout.Status == RolloutStatus.Succeeded ? RolloutStatus.Running : rollout.Status,
                FinishedAt = null,
                ResumedAt = now,
            }), cancellationToken);
    }

    private async Task<ApiProblem?> WhyNotAgainAsync(string id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document: var rollout })
            return Refusal.Unknown($"There is no rollout '{id}'.");
        if (rollout.Status is RolloutStatus.Aborted or RolloutStatus.RolledBack)
            return Refusal.Conflict($"Rollout {id} is {rollout.Status.ToWords()}: start it again instead.");
        return await OtherOpenAsync(rollout, cancellationToken);
    }

    /// <summary>Tells a part of them in one commit.</summary>
    private async Task<IReadOnlyList<DeviceId>> TryAgainAsync(string rollout, DeviceId[] devices, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        foreach (var device in devices)
        {
            var part = await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(rollout, device), cancellationToken);
            if (part?.Document is not { Status: DeviceRolloutStatus.Failed, Return: null }) continue;
            var (desired, change) = await store.DesiredAsync(device, cancellationToken);
            DesiredRelease[] has = [.. part.Document.Models.Select(model => desired.Of(model.Model)).OfType<DesiredRelease>()];
            if (has.Length < part.Document.Models.Count || has.Any(release => release.By?.Rollout != rollout)) continue;
            var next = desired.With(has);
            changes.Add(change(next));
            changes.Add(part.Change(DeviceRolloutRules.Retry(part.Document, next.Revision, time.GetUtcNow())));
            told.Add(device);
        }
        if (changes.Count > 0) await store.CommitAsync(changes, cancellationToken);
        return told;
    }
}
