using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// How many more devices of each group may be told now, so that at most as many as the plan allows are on their way at once.
/// </summary>
/// <param name="budget">The plan's budget; null for none.</param>
/// <param name="groups">Devices selected, by group.</param>
/// <param name="running">Devices on their way now, by group.</param>
internal sealed class UnavailableBudget(DisruptionBudget? budget, IReadOnlyDictionary<string, int> groups, Dictionary<string, int> running)
{
    /// <summary>The group of a device; empty for one without the label.</summary>
    public static string GroupOf(Device device, string label) => device.Labels.GetValueOrDefault(label) ?? "";

    /// <summary>The budget of a rollout as it stands.</summary>
    public static async Task<UnavailableBudget> ReadAsync(IFleetStore store, Rollout rollout, CancellationToken cancellationToken)
    {
        var running = new Dictionary<string, int>(StringComparer.Ordinal);
        if (rollout.Plan.MaximumUnavailable is null) return new UnavailableBudget(null, running, running);
        await foreach (var part in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken))
        {
            if (part.Document is { Status: DeviceRolloutStatus.Running, Group: { } group })
                running[group] = running.GetValueOrDefault(group) + 1;
        }
        return new UnavailableBudget(
            rollout.Plan.MaximumUnavailable, rollout.Groups ?? new Dictionary<string, int>(StringComparer.Ordinal), running);
    }

    /// <summary>True when one more device of this one's group may be on its way.</summary>
    public bool Allows(Device device)
    {
        if (budget is null) return true;
        var group = GroupOf(device, budget.Label);
        return running.GetValueOrDefault(group) < Allowed(budget, groups.GetValueOrDefault(group));
    }

    /// <summary>Counts a device that is told, and names its group.</summary>
    public DeviceRollout Count(Device device, DeviceRollout part)
    {
        if (budget is null) return part;
        var group = GroupOf(device, budget.Label);
        if (part.Status == DeviceRolloutStatus.Running) running[group] = running.GetValueOrDefault(group) + 1;
        return part with { Group = group };
    }

    /// <summary>Devices of a group that may be on their way at once: at least one, or the rollout would never end.</summary>
    public static int Allowed(DisruptionBudget budget, int devices)
        => budget.Count ?? Math.Max(1, (int)Math.Floor(devices * (decimal)(budget.Percent ?? 100) / 100));
}
