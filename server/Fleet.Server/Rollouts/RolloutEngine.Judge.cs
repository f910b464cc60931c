using Fleet.Contracts.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The part that asks the rules about the open wave and does what they say.</summary>
internal sealed partial class RolloutEngine
{
    /// <summary>Fails the silent, counts the wave, asks the rules and does what they say.</summary>
    private async Task<RolloutDecision> JudgeAsync(Stored<Rollout> stored, CancellationToken cancellationToken)
    {
        var now = _clock.Read();
        var rollout = stored.Document;
        // One that was resumed by a clock that was ahead is listened to since that was set back.
        var listeningSince = rollout.ResumedAt is { } resumed && resumed > _clock.Since
            && resumed - now <= RolloutRules.ClockTolerance ? resumed : _clock.Since;
        var told = await ToldAsync(rollout, cancellationToken);
        if (await SilenceAsync(rollout, told, listeningSince, now, cancellationToken)) told = await ToldAsync(rollout, cancellationToken);

        var tally = rollout.TallyOf(
            rollout.Open, told.Select(each => each.Document).Where(each => each.Wave == rollout.OpenWave));
        var open = RolloutRules.IsEnough(rollout.Plan, tally) && rollout.Open.FinishedAt is null
            ? rollout.Open with { FinishedAt = now }
            : rollout.Open;
        var compared = await canary.LookAsync(rollout, now, cancellationToken);
        if (!open.Canary.SequenceEqual(compared.Findings)) open = open with { Canary = compared.Findings };
        var decision = RolloutRules.Decide(
            rollout.Plan, tally, new WaveClock(now, open.OpenedAt ?? now, open.FinishedAt, listeningSince), rollout.OnLastWave, compared,
            open.Spent);
        // Those that are to be told once more are told by an open rollout.
        if (rollout.Retries && decision.Step == RolloutStep.Succeed) decision = RolloutDecision.Wait;
        var after = Apply(rollout.WithOpen(open), decision, now);
        if (after.Status != rollout.Status || after.OpenWave != rollout.OpenWave || open != rollout.Open)
        {
            await store.CommitAsync(
                [stored.Change(after), .. after.IsOpen ? [] : await ending.ClosingAsync(after, cancellationToken)], cancellationToken);
            LogStep(rollout, after);
            if (!after.IsOpen) converging.ChangedForAll();
        }
        if (decision.Step != RolloutStep.Wait) return decision;
        var failsAt = told.Min(each => FailsAt(rollout, each.Document, now, listeningSince));
        return decision with { At = new[] { decision.At, failsAt, compared.NextLook }.Min() };
    }

    private static Rollout Apply(Rollout rollout, RolloutDecision decision, DateTimeOffset now) => decision.Step switch
    {
        RolloutStep.NextWave
            => (rollout with { OpenWave = rollout.OpenWave + 1 }) is var next ? next.WithOpen(next.Open with { OpenedAt = now }) : rollout,
        RolloutStep.Pause => rollout with { Status = RolloutStatus.Paused, Reason = decision.Reason, PausedByRule = true },
        RolloutStep.Abort => rollout with { Status = RolloutStatus.Aborted, Reason = decision.Reason, Withdraws = true },
        RolloutStep.Succeed => rollout with { Status = RolloutStatus.Succeeded, FinishedAt = now },
        _ => rollout,
    };

    private async Task<IReadOnlyList<Stored<DeviceRollout>>> ToldAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var told = await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken)
            .ToListAsync(cancellationToken);
        _read += told.Count;
        return told;
    }

    private static DateTimeOffset? FailsAt(Rollout rollout, DeviceRollout part, DateTimeOffset now, DateTimeOffset listeningSince)
        => DeviceRolloutRules.FailsAt(rollout.Plan, DeviceRolloutRules.ByClock(part, now, listeningSince), listeningSince);

    /// <summary>Fails devices that are too late, those of earlier waves that did not hold it up included.</summary>
    /// <returns>True when there were any.</returns>
    private async Task<bool> SilenceAsync(
        Rollout rollout, IReadOnlyList<Stored<DeviceRollout>> told, DateTimeOffset listeningSince, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var late = told.Where(each => FailsAt(rollout, each.Document, now, listeningSince) <= now).ToArray();
        foreach (var part in late.Chunk(RolloutMembers.Size))
        {
            await store.CommitAsync(
                [
                    .. part.Select(each => each.Change(DeviceRolloutRules.Late(
                        rollout.Plan, DeviceRolloutRules.ByClock(each.Document, now, listeningSince), listeningSince, now))),
                ],
                cancellationToken);
            LogLate(rollout.Id, part.Length);
        }
        return late.Length > 0;
    }
}
