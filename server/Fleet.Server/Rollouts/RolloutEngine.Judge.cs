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
        var listeningSince = rollout.ResumedAt is { } resumed && resumed > _clock.Since ? resumed : _clock.Since;
        var wave = await WaveAsync(rollout, cancellationToken);
        if (await SilenceAsync(rollout.Plan, wave, listeningSince, now, cancellationToken))
            wave = await WaveAsync(rollout, cancellationToken);

        var tally = rollout.TallyOf(rollout.Open, wave.Select(each => each.Document));
        var open = tally.IsFinished && rollout.Open.FinishedAt is null ? rollout.Open with { FinishedAt = now } : rollout.Open;
        var compared = await canary.LookAsync(rollout, now, cancellationToken);
        if (!open.Canary.SequenceEqual(compared.Findings)) open = open with { Canary = compared.Findings };
        var decision = RolloutRules.Decide(
            rollout.Plan, tally, new WaveClock(now, open.OpenedAt ?? now, open.FinishedAt, listeningSince), rollout.OnLastWave, compared);
        var after = Apply(rollout.WithOpen(open), decision, now);
        if (after.Status != rollout.Status || after.OpenWave != rollout.OpenWave || open != rollout.Open)
        {
            await store.CommitAsync(
                [stored.Change(after), .. after.IsOpen ? [] : await ending.ClosingAsync(after, cancellationToken)], cancellationToken);
            LogStep(rollout, after);
            if (!after.IsOpen) converging.ChangedForAll();
        }
        if (decision.Step != RolloutStep.Wait) return decision;
        var silentAt = wave.Min(each => DeviceRolloutRules.SilentAt(each.Document, rollout.Plan.PhaseDeadline, listeningSince));
        return decision with { At = new[] { decision.At, silentAt, compared.NextLook }.Min() };
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

    private async Task<IReadOnlyList<Stored<DeviceRollout>>> WaveAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken).Where(
            each => each.Document.Wave == rollout.OpenWave).ToListAsync(cancellationToken);

    /// <summary>Fails devices whose phase did not move in time.</summary>
    /// <returns>True when there were any.</returns>
    private async Task<bool> SilenceAsync(
        RolloutPlan plan, IReadOnlyList<Stored<DeviceRollout>> wave, DateTimeOffset listeningSince, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var silent = wave.Where(each => DeviceRolloutRules.SilentAt(each.Document, plan.PhaseDeadline, listeningSince) <= now).ToArray();
        foreach (var part in silent.Chunk(RolloutMembers.Size))
        {
            await store.CommitAsync(
                [.. part.Select(each => each.Change(DeviceRolloutRules.Silence(each.Document, plan.PhaseDeadline, now)))],
                cancellationToken);
            LogSilent(part[0].Document.Rollout, part.Length, plan.PhaseDeadline);
        }
        return silent.Length > 0;
    }
}
