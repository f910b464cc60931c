using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>Moves device rollouts by what devices report, in the commit of the report.</summary>
internal sealed class RolloutReports(IFleetStore store, RolloutWake wake, TimeProvider time) : IReportedStateObserver
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken)
    {
        // By id: a device may be on its way in one rollout and on its way back from another, and both may be the same document.
        var parts = new Dictionary<string, (Stored<DeviceRollout> Stored, DeviceRollout After)>(StringComparer.Ordinal);
        // A report that named a model twice would change one document twice.
        foreach (var model in reported.Models.Select(model => model.Model).Distinct())
        {
            if (await PartAsync(device, model, cancellationToken) is { } stored)
                parts[stored.Id] = (stored, DeviceRolloutRules.Answer(stored.Document, reported, time.GetUtcNow()));
        }
        var ended = await ReturnsAsync(device, reported, parts, cancellationToken);
        return
        [
            .. parts.Values.Where(part => !ReferenceEquals(part.After, part.Stored.Document))
                .Select(part => part.Stored.Change(part.After)),
            .. ended,
        ];
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device) => wake.Set();

    /// <summary>
    /// The device's part in the rollout that is open for a model; before its wave, or where none is open, that in the one whose word it
    /// follows still. One that did not hold up its rollout may finish after that has ended; an end is then final.
    /// </summary>
    private async Task<Stored<DeviceRollout>?> PartAsync(DeviceId device, string model, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<OpenRollout>(model, cancellationToken) is { Document.Rollout: var open }
            && await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(open, device), cancellationToken) is { } part) return part;
        return (await store.DesiredAsync(device, cancellationToken)).Desired.Of(model)?.By?.Rollout is { } told
            && await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(told, device), cancellationToken)
                is { Document.Status: DeviceRolloutStatus.Running } late ? late : null;
    }

    /// <summary>Moves devices that are on their way back.</summary>
    /// <returns>The marks of those that have arrived, or never will.</returns>
    private async Task<IReadOnlyList<StoreChange>> ReturnsAsync(
        DeviceId device, ReportedState reported, Dictionary<string, (Stored<DeviceRollout> Stored, DeviceRollout After)> parts,
        CancellationToken cancellationToken)
    {
        var ended = new List<StoreChange>();
        await foreach (var pending in store.AllAsync<PendingReturn>(PendingReturn.PrefixOf(device), cancellationToken))
        {
            var id = DeviceRollout.IdOf(pending.Document.Rollout, device);
            if (!parts.TryGetValue(id, out var part))
            {
                if (await store.FindAsync<DeviceRollout>(id, cancellationToken) is not { } stored)
                {
                    // Its rollout has forgotten the device: nothing is on its way any more.
                    ended.Add(pending.Removal());
                    continue;
                }
                part = (stored, stored.Document);
            }
            if (part.After.Return is not { } way) continue;
            var (desired, _) = await store.DesiredAsync(device, cancellationToken);
            var after = DeviceRolloutRules.Returned(part.After, reported, model => desired.Of(model)?.Version);
            if (!ReferenceEquals(after, way)) parts[id] = (part.Stored, part.After with { Return = after, UpdatedAt = time.GetUtcNow() });
            // Of several models each has a mark; the first that is looked at has ended the way of all.
            if (after.Status != DeviceReturnStatus.SentBack) ended.Add(pending.Removal());
        }
        return ended;
    }
}
