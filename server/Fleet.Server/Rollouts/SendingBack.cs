using Fleet.Contracts.State;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>Sends the devices a rollout told back to what they had before it, <see cref="RolloutMembers.Size"/> at a time.</summary>
internal sealed class SendingBack(IFleetStore store, DesiredStates devices)
{
    /// <summary>The next part. A device that has been assigned something else since is left alone: what came later counts.</summary>
    public async Task<WavePart> NextAsync(Rollout rollout, RolloutMembers members, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        var end = Math.Min(rollout.Told, (rollout.SentBack / RolloutMembers.Size + 1) * RolloutMembers.Size);
        for (var position = rollout.SentBack; position < end; position++)
        {
            var device = members.Devices[position % RolloutMembers.Size];
            if (await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(rollout.Id, device), cancellationToken) is not { Document: var told }) continue;
            if (told.PreviousVersion == told.Version) continue;
            if (await devices.FindAsync(device, cancellationToken) is not { } state || state.VersionOf(told.Model) != told.Version) continue;
            changes.Add(await PreviousAsync(told, cancellationToken) is { } previous ? state.Assign(previous) : state.Withdraw(told.Model));
        }
        return new WavePart(rollout with { SentBack = end }, changes);
    }

    private async Task<Assignment?> PreviousAsync(DeviceRollout told, CancellationToken cancellationToken)
    {
        if (told.PreviousVersion is not { } version) return null;
        var release = await store.FindAsync<Release>(Release.IdOf(told.Model, version), cancellationToken)
            ?? throw new InvalidOperationException($"Release {told.Model} {version}, which {told.Device} had before rollout {told.Rollout}, is not stored.");
        return new Assignment { Model = told.Model, Version = version, Release = release.Document.Envelope, Rollback = version < told.Version };
    }
}
