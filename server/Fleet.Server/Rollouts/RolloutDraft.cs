using Fleet.Contracts.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>A rollout as it would begin: what a start commits, and what a preview shows.</summary>
/// <param name="Rollout">The rollout, with its waves.</param>
/// <param name="Members">Everybody selected, in the order of the waves.</param>
/// <param name="TargetChanges">What says that its targets move.</param>
/// <param name="Targets">Every target, its own as they are before.</param>
internal sealed record RolloutDraft(
    Rollout Rollout, IReadOnlyList<DeviceId> Members, IReadOnlyList<StoreChange> TargetChanges, IReadOnlyList<Target> Targets)
{
    /// <summary>Most bytes that each member would have to fetch.</summary>
    public required IReadOnlyDictionary<DeviceId, long> Bytes { get; init; }

    /// <summary>Most bytes that the members of its waves would have to fetch together.</summary>
    public long TotalBytes => Members.Take(Rollout.Members).Sum(device => Bytes[device]);
}
