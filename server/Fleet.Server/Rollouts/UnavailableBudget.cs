using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Which devices may be told now, so that of those with one value of a label at most as many as the plan allows are unavailable at once:
/// offline for whatever reason, on their way in any open rollout, or on their way back from one. One that was given up as silent is on its
/// way as long as its order stands. Revoked devices are not in service and do not count.
/// </summary>
/// <remarks>It is read anew for each part of a wave, which costs as many documents as the fleet has devices.</remarks>
internal sealed class UnavailableBudget
{
    /// <summary>How long a rollout that the budget holds waits before it looks whether devices are back.</summary>
    public static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(10);

    private const int NamedDevices = 3;

    private readonly DisruptionBudget? _budget;
    private readonly Dictionary<DeviceId, string> _groupOf = [];
    private readonly Dictionary<string, Group> _groups = new(StringComparer.Ordinal);

    private UnavailableBudget(DisruptionBudget? budget) => _budget = budget;

    /// <summary>Documents that were read for it.</summary>
    public int Read { get; private set; }

    /// <summary>The group of a device; empty for one without the label.</summary>
    public static string GroupOf(Device device, string label) => device.Labels.GetValueOrDefault(label) ?? "";

    /// <summary>The budget of a rollout as it stands.</summary>
    public static async Task<UnavailableBudget> ReadAsync(
        IFleetStore store, DeviceBoard board, Rollout rollout, CancellationToken cancellationToken)
    {
        var read = new UnavailableBudget(rollout.Plan.MaximumUnavailable);
        if (read._budget is null) return read;
        await foreach (var device in store.AllAsync<Device>("", cancellationToken))
        {
            read.Read++;
            if (!device.Document.IsRevoked) read.Add(device.Document, board.IsOnline(device.Document.Id));
        }
        // One of several models is open for each of them.
        var open = await store.AllAsync<OpenRollout>("", cancellationToken).Select(open => open.Document.Rollout)
            .ToHashSetAsync(StringComparer.Ordinal, cancellationToken);
        foreach (var id in open)
        {
            await foreach (var part in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(id), cancellationToken))
            {
                read.Read++;
                if (await IsOnItsWayAsync(store, part.Document, cancellationToken)) read.Count(part.Document.Device);
            }
        }
        await foreach (var pending in store.AllAsync<PendingReturn>("", cancellationToken))
        {
            read.Read++;
            read.Count(PendingReturn.DeviceOf(pending.Id));
        }
        return read;
    }

    /// <summary>Why a device may not be told yet; null when it may. One that is unavailable already is counted once.</summary>
    public string? ReasonAgainst(DeviceId device)
    {
        if (_budget is null || !_groupOf.TryGetValue(device, out var name)) return null;
        var group = _groups[name];
        var others = group.Unavailable.Count - (group.Unavailable.Contains(device) ? 1 : 0);
        var allowed = Allowed(_budget, group.Devices);
        if (others < allowed) return null;
        var (devices, are) = others == 1 ? ("device", "is") : ("devices", "are");
        var who = name.Length == 0 ? $"{devices} without the label '{_budget.Label}'" : $"{devices} of {_budget.Label} '{name}'";
        return $"{others:N0} {who} {are} unavailable and the plan allows {allowed:N0}: {string.Join("; ", Named(group))}.";
    }

    /// <summary>Counts a device that is on its way.</summary>
    public void Count(DeviceId device)
    {
        if (_groupOf.TryGetValue(device, out var name)) _groups[name].Unavailable.Add(device);
    }

    private static async Task<bool> IsOnItsWayAsync(IFleetStore store, DeviceRollout part, CancellationToken cancellationToken)
        => part.Status == DeviceRolloutStatus.Running
            // It said nothing in time, and may do what it was told at any moment; what it says then ends this.
            || (part is { Status: DeviceRolloutStatus.Failed, Failure: DeploymentFailure.Silent, Return: null }
                && part.OrderedBy((await store.DesiredAsync(part.Device, cancellationToken)).Desired) is not null);

    /// <summary>Devices of a group that may be unavailable at once: at least one, or the rollout would never end.</summary>
    private static int Allowed(DisruptionBudget budget, int devices)
        => budget.Count ?? Math.Max(1, (int)Math.Floor(devices * (decimal)(budget.Percent ?? 100) / 100));

    private static IEnumerable<string> Named(Group group)
    {
        if (group.Offline.Count > 0) yield return $"offline {First(group.Offline)}";
        HashSet<DeviceId> onTheirWay = [.. group.Unavailable.Except(group.Offline)];
        if (onTheirWay.Count > 0) yield return $"on their way {First(onTheirWay)}";
    }

    private static string First(HashSet<DeviceId> devices)
    {
        var named = string.Join(", ", devices.Select(device => device.Value).Order(StringComparer.Ordinal).Take(NamedDevices));
        return devices.Count > NamedDevices ? $"{named} and {devices.Count - NamedDevices:N0} more" : named;
    }

    private void Add(Device device, bool online)
    {
        var name = _groupOf[device.Id] = GroupOf(device, _budget!.Label);
        if (!_groups.TryGetValue(name, out var group)) _groups[name] = group = new Group();
        group.Devices++;
        if (online) return;
        group.Offline.Add(device.Id);
        group.Unavailable.Add(device.Id);
    }

    private sealed class Group
    {
        public int Devices { get; set; }

        /// <summary>Those that are offline, whatever else.</summary>
        public HashSet<DeviceId> Offline { get; } = [];

        /// <summary>These, and those that are on their way.</summary>
        public HashSet<DeviceId> Unavailable { get; } = [];
    }
}
