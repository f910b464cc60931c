using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices that failed once more, as many at a time as the budgets let go.</summary>
internal sealed partial class WaveOpening
{
    private const string Gone = "It was not asked once more: it left service, or was ordered otherwise.";

    /// <summary>
    /// The next devices that are told once more. One that a budget holds keeps no other waiting and is looked at again; one that no bytes
    /// are left for stays failed.
    /// </summary>
    /// <returns>What to commit; the rollout in it says whether any wait on, and why.</returns>
    public async Task<WavePart> AgainAsync(Rollout rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        var budget = await UnavailableBudget.ReadAsync(store, board, rollout, cancellationToken);
        var bytes = await ByteBudget.ReadAsync(store, ledger, rollout, cancellationToken);
        string? held = null;
        foreach (var part in await WaitingAsync(rollout, cancellationToken))
        {
            if (changes.Count >= 2 * RolloutMembers.Size) return Part(rollout); // The others come next.
            var device = part.Document.Device;
            var order = await OrderAgainAsync(part.Document, cancellationToken);
            var (unavailable, spent) = (budget.ReasonAgainst(device), bytes.ReasonAgainst(bytes.NeedOf(part.Document)));
            if (order is { } again && (unavailable ?? spent) is null)
            {
                budget.Count(device);
                bytes.Count(bytes.NeedOf(part.Document));
                changes.AddRange([again.Change, part.Change(DeviceRolloutRules.Retry(part.Document, again.Revision, now))]);
                told.Add(device);
            }
            else if (order is null || (unavailable is null && !bytes.MayGetBetter))
                changes.Add(part.Change(DeviceRolloutRules.AwaitNoMore(part.Document, order is null ? Gone : spent, now)));
            else held ??= unavailable ?? spent;
        }
        return Part(rollout.WithOpen(rollout.Open with { Held = held }) with { Retries = held is not null });

        WavePart Part(Rollout after) => new(after, changes, told) { Read = budget.Read + bytes.Read };
    }

    private async Task<IReadOnlyList<Stored<DeviceRollout>>> WaitingAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken)
            .Where(part => part.Document.Status == DeviceRolloutStatus.Waiting).ToListAsync(cancellationToken);

    /// <summary>The same order under a new revision; null when the device has another one by now, or none.</summary>
    private async Task<(long Revision, StoreChange Change)?> OrderAgainAsync(DeviceRollout part, CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(part.Device, cancellationToken) is not { Document.IsRevoked: false }) return null;
        var (desired, change) = await store.DesiredAsync(part.Device, cancellationToken);
        if (part.OrderedBy(desired) is not { } has) return null;
        var next = desired.With(has);
        return (next.Revision, change(next));
    }
}
