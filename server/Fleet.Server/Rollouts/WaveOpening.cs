using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>A part of a wave to commit: everything in it, or nothing.</summary>
/// <param name="Rollout">The rollout with its cursor moved.</param>
/// <param name="Changes">Device rollouts and desired states; the rollout itself is not among them.</param>
internal sealed record WavePart(Rollout Rollout, IReadOnlyList<StoreChange> Changes);

/// <summary>Tells the devices of the open wave, <see cref="RolloutMembers.Size"/> at a time.</summary>
internal sealed class WaveOpening(DesiredStates devices)
{
    /// <summary>The next part of the open wave, from the rollout's cursor to the end of the wave or of the members' document.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="members">The document of members the cursor is in.</param>
    /// <param name="release">What is assigned.</param>
    /// <param name="now">When the devices are told.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<WavePart> NextAsync(Rollout rollout, RolloutMembers members, Release release, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        var skipped = 0;
        var end = Math.Min(rollout.Open.End, (rollout.Told / RolloutMembers.Size + 1) * RolloutMembers.Size);
        for (var position = rollout.Told; position < end; position++)
        {
            var device = members.Devices[position % RolloutMembers.Size];
            if (await devices.FindAsync(device, cancellationToken) is not { Revoked: false } state)
            {
                skipped++;
                continue;
            }
            var told = new DeviceRollout
            {
                Rollout = rollout.Id,
                Device = device,
                Model = release.Model,
                Version = release.Version,
                Wave = rollout.OpenWave,
                Revision = state.Revision,
                PreviousVersion = state.VersionOf(release.Model),
                ToldAt = now,
                PhaseSince = now,
                UpdatedAt = now,
            };
            // A device that serves this release already says so in what it reported last; telling it again would prove nothing.
            var answered = state.Reported is { } reported && told.PreviousVersion == release.Version ? DeviceRolloutRules.Answer(told, reported, now) : told;
            if (answered.Status != DeviceRolloutStatus.Succeeded)
            {
                // A new revision even when the version stays: the device tries again what it had given up.
                answered = told with { Revision = state.Revision + 1 };
                changes.Add(state.Assign(new Assignment
                {
                    Model = release.Model,
                    Version = release.Version,
                    Release = release.Envelope,
                    Rollback = told.PreviousVersion > release.Version,
                }));
            }
            changes.Add(StoreChange.Create(DeviceRollout.IdOf(rollout.Id, device), answered));
        }
        return new WavePart(rollout.WithOpen(rollout.Open with { Skipped = rollout.Open.Skipped + skipped }) with { Told = end }, changes);
    }
}
