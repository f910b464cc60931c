using Fleet.Contracts.Devices;
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
        var changes = new List<StoreChange>();
        // A report that named a model twice would change one document twice.
        foreach (var model in reported.Models.Select(model => model.Model).Distinct())
        {
            if (await store.FindAsync<OpenRollout>(model, cancellationToken) is not { } open) continue;
            if (await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(open.Document.Rollout, device), cancellationToken)
                is not { } stored) continue;
            var answered = DeviceRolloutRules.Answer(stored.Document, reported, time.GetUtcNow());
            if (!ReferenceEquals(answered, stored.Document)) changes.Add(stored.Change(answered));
        }
        return changes;
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device) => wake.Set();
}
