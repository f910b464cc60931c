using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>A part of a wave to commit: everything in it, or nothing.</summary>
/// <param name="Rollout">The rollout with its cursor moved.</param>
/// <param name="Changes">Device rollouts and desired states; the rollout itself is not among them.</param>
/// <param name="Told">Devices whose desired state is among the changes: they are told after the commit.</param>
internal sealed record WavePart(Rollout Rollout, IReadOnlyList<StoreChange> Changes, IReadOnlyList<DeviceId> Told);

/// <summary>Tells the devices of the open wave, <see cref="RolloutMembers.Size"/> at a time.</summary>
internal sealed class WaveOpening(IFleetStore store)
{
    /// <summary>The next part of the open wave, from the rollout's cursor to the end of the wave or of the members' document.</summary>
    public async Task<WavePart> NextAsync(Rollout rollout, RolloutMembers members, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        var skipped = 0;
        var end = Math.Min(rollout.Open.End, (rollout.Told / RolloutMembers.Size + 1) * RolloutMembers.Size);
        for (var position = rollout.Told; position < end; position++)
        {
            var id = members.Devices[position % RolloutMembers.Size];
            if (await store.DeviceAsync(id, cancellationToken) is not { Document.IsRevoked: false })
            {
                skipped++;
                continue;
            }
            var (desired, change) = await store.DesiredAsync(id, cancellationToken);
            var deviceRollout = Begin(rollout, id, desired, now);
            // A device that serves this release already says so in what it reported last; telling it again would prove nothing.
            var answered = deviceRollout.PreviousVersion == deviceRollout.Version
                && await store.FindAsync<DeviceReported>(id.Value, cancellationToken) is { } reported
                ? DeviceRolloutRules.Answer(deviceRollout, reported.Document.State, now)
                : deviceRollout;
            if (answered.Status != DeviceRolloutStatus.Succeeded)
            {
                // A new revision even when the version stays: the device tries again what it had given up.
                var next = desired.With(
                    new DesiredRelease(
                        rollout.Plan.Model, rollout.Plan.Version, Rollback: deviceRollout.PreviousVersion > rollout.Plan.Version));
                answered = deviceRollout with { Revision = next.Revision };
                changes.Add(change(next));
                told.Add(id);
            }
            changes.Add(StoreChange.Create(DeviceRollout.IdOf(rollout.Id, id), answered));
        }
        return new WavePart(
            rollout.WithOpen(rollout.Open with { Skipped = rollout.Open.Skipped + skipped }) with { Told = end }, changes, told);
    }

    private static DeviceRollout Begin(Rollout rollout, DeviceId device, DeviceDesired desired, DateTimeOffset now) => new()
    {
        Rollout = rollout.Id,
        Device = device,
        Model = rollout.Plan.Model,
        Version = rollout.Plan.Version,
        Wave = rollout.OpenWave,
        Revision = desired.Revision,
        PreviousVersion = desired.Of(rollout.Plan.Model)?.Version,
        ToldAt = now,
        PhaseSince = now,
        UpdatedAt = now,
    };
}
