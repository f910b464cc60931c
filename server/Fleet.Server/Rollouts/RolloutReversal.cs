using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>Returns the devices that a rollout told to what they had before it, <see cref="RolloutMembers.Size"/> at a time.</summary>
internal sealed class RolloutReversal(IFleetStore store)
{
    /// <summary>The next part. A device that has been assigned something else since is left alone: what came later counts.</summary>
    public async Task<WavePart> NextAsync(Rollout rollout, RolloutMembers members, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        var end = Math.Min(rollout.Told, (rollout.Reversed / RolloutMembers.Size + 1) * RolloutMembers.Size);
        for (var position = rollout.Reversed; position < end; position++)
        {
            var id = members.Devices[position % RolloutMembers.Size];
            if (await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(rollout.Id, id), cancellationToken)
                is not { Document: var deviceRollout }) continue;
            if (deviceRollout.PreviousVersion == deviceRollout.Version) continue;
            var (desired, change) = await store.DesiredAsync(id, cancellationToken);
            if (desired.Of(deviceRollout.Model)?.Version != deviceRollout.Version) continue;
            changes.Add(change(Before(deviceRollout, desired)));
            told.Add(id);
        }
        return new WavePart(rollout with { Reversed = end }, changes, told);
    }

    private static DeviceDesired Before(DeviceRollout deviceRollout, DeviceDesired desired) => deviceRollout.PreviousVersion is { } previous
        ? desired.With(new DesiredRelease(deviceRollout.Model, previous, Rollback: previous < deviceRollout.Version))
        : desired.Without(deviceRollout.Model);
}
