using Fleet.Contracts.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>A rollout as it would begin: what a start commits, and what a preview shows.</summary>
/// <param name="Rollout">The rollout, with its waves.</param>
/// <param name="Members">Everybody selected, in the order of the waves.</param>
/// <param name="Target">The target it moves, as it is before.</param>
/// <param name="TargetChange">What says that it moves.</param>
/// <param name="Targets">Every target, this one included.</param>
internal sealed record RolloutDraft(
    Rollout Rollout, IReadOnlyList<DeviceId> Members, Target Target, StoreChange TargetChange, IReadOnlyList<Target> Targets)
{
    /// <summary>Most bytes that each member would have to fetch.</summary>
    public required IReadOnlyDictionary<DeviceId, long> Bytes { get; init; }

    /// <summary>Most bytes that the members of its waves would have to fetch together.</summary>
    public long TotalBytes => Members.Take(Rollout.Members).Sum(device => Bytes[device]);
}
