using Fleet.Contracts;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Carries open rollouts forward: one loop, woken by reports, by orders and by time. It keeps nothing of its own; each look reads
/// what is stored, does what the rules say and commits, so a server killed at any point goes on where the store says.
/// </summary>
internal sealed partial class RolloutEngine(
    IFleetStore store, WaveOpening opening, RolloutReversal reversal, DesiredNotices notices, RolloutWake wake, ServerHealth health,
    TimeProvider time, ILogger<RolloutEngine> logger) : BackgroundService
{
    private const string HealthSubject = "rollouts";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);
    private readonly ListeningClock _clock = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            DateTimeOffset? next;
            try
            {
                next = await TurnAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever it was: a rollout that nobody judges any more is the worst of failures, and it would be silent.
                LogTurnFailed(RetryDelay, e);
                health.Report(
                    HealthSubject, $"The rollout engine cannot work ({e.Message}); it tries again every {RetryDelay.TotalSeconds:0} s.");
                next = time.GetUtcNow() + RetryDelay;
            }
            await wake.WaitAsync(next, time, stoppingToken);
        }
    }

    /// <summary>Looks at every open rollout once. One that fails does not keep the others waiting.</summary>
    /// <returns>When to look again at the latest; null when only a report or an order changes anything.</returns>
    private async Task<DateTimeOffset?> TurnAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? next = null;
        var troubled = new List<string>();
        await foreach (var open in store.AllAsync<OpenRollout>("", cancellationToken))
        {
            DateTimeOffset? due;
            try
            {
                due = await AdvanceAsync(open.Document.Rollout, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogTroubled(open.Document.Rollout, RetryDelay, e);
                troubled.Add($"{open.Document.Rollout} ({e.Message})");
                due = time.GetUtcNow() + RetryDelay;
            }
            if (next is null || due < next) next = due ?? next;
        }
        if (troubled.Count == 0) health.Clear(HealthSubject);
        else health.Report(HealthSubject, $"Rollouts cannot be carried forward: {string.Join(", ", troubled)}. They are tried again "
            + $"every {RetryDelay.TotalSeconds:0} s.");
        return next;
    }

    /// <summary>Takes a rollout as far as it goes now.</summary>
    /// <returns>When to look again at the latest; null when only a report or an order changes anything.</returns>
    private async Task<DateTimeOffset?> AdvanceAsync(string id, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (await store.FindAsync<Rollout>(id, cancellationToken) is not { } stored) return null;
            try
            {
                switch (stored.Document)
                {
                    case { IsOpen: false } or { Status: RolloutStatus.Paused }:
                        return null;
                    case { Status: RolloutStatus.RolledBack } rollout:
                        await ReverseAsync(stored, rollout, cancellationToken);
                        break;
                    case { Status: RolloutStatus.Running } rollout when rollout.Told < rollout.Open.End:
                        await TellAsync(stored, rollout, cancellationToken);
                        break;
                    default:
                        if (await JudgeAsync(stored, cancellationToken) is { Step: RolloutStep.Wait } waiting) return waiting.At;
                        break;
                }
            }
            catch (VersionConflictException)
            {
                // A report or an order came in between: look again.
                await Task.Yield();
            }
        }
    }

    private async Task TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
        => await CommitAsync(
            stored, await opening.NextAsync(
                rollout, await MembersAsync(
                    rollout, rollout.Told, cancellationToken), time.GetUtcNow(), cancellationToken), cancellationToken);

    private async Task ReverseAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
    {
        var part = await reversal.NextAsync(rollout, await MembersAsync(rollout, rollout.Reversed, cancellationToken), cancellationToken);
        if (part.Rollout.IsOpen)
        {
            await CommitAsync(stored, part, cancellationToken);
            return;
        }
        part = part with { Rollout = part.Rollout with { FinishedAt = time.GetUtcNow() } };
        await CommitAsync(
            stored, part with { Changes = [.. part.Changes, .. await ClosingAsync(rollout, cancellationToken)] }, cancellationToken);
        LogEnded(rollout.Id, EndOf(part.Rollout));
    }

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }

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
        var decision = RolloutRules.Decide(
            rollout.Plan, tally, new WaveClock(now, open.OpenedAt ?? now, open.FinishedAt, listeningSince), rollout.OnLastWave);
        var after = Apply(rollout.WithOpen(open), decision, now);
        if (after.Status != rollout.Status || after.OpenWave != rollout.OpenWave || open.FinishedAt != rollout.Open.FinishedAt)
        {
            await store.CommitAsync(
                [stored.Change(after), .. after.IsOpen ? [] : await ClosingAsync(after, cancellationToken)], cancellationToken);
            LogStep(rollout, after);
        }
        if (decision.Step != RolloutStep.Wait) return decision;
        var silentAt = wave.Min(each => DeviceRolloutRules.SilentAt(each.Document, rollout.Plan.PhaseDeadline, listeningSince));
        return silentAt < decision.At || decision.At is null ? decision with { At = silentAt } : decision;
    }

    private static Rollout Apply(Rollout rollout, RolloutDecision decision, DateTimeOffset now) => decision.Step switch
    {
        RolloutStep.NextWave
            => (rollout with { OpenWave = rollout.OpenWave + 1 }) is var next ? next.WithOpen(next.Open with { OpenedAt = now }) : rollout,
        RolloutStep.Pause => rollout with { Status = RolloutStatus.Paused, Reason = decision.Reason, PausedByRule = true },
        RolloutStep.Abort => rollout with { Status = RolloutStatus.Aborted, Reason = decision.Reason, FinishedAt = now },
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

    private async Task<RolloutMembers> MembersAsync(Rollout rollout, int position, CancellationToken cancellationToken)
    {
        var id = RolloutMembers.IdOf(rollout.Id, position / RolloutMembers.Size);
        return (await store.FindAsync<RolloutMembers>(id, cancellationToken))?.Document
            ?? throw new InvalidOperationException($"Members '{id}' are not stored.");
    }

    private async Task<IReadOnlyList<StoreChange>> ClosingAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.FindAsync<OpenRollout>(rollout.Plan.Model, cancellationToken) is { } open && open.Document.Rollout == rollout.Id
            ? [open.Removal()]
            : [];

    private void LogStep(Rollout before, Rollout after)
    {
        if (after.OpenWave != before.OpenWave) LogNextWave(after.Id, after.OpenWave, after.Open.Total);
        else if (after.Status == RolloutStatus.Paused) LogPaused(after.Id, after.Reason);
        else if (after.Status == RolloutStatus.Aborted) LogAborted(after.Id, after.Reason);
        else if (after.Status != before.Status) LogEnded(after.Id, EndOf(after));
    }

    private static string EndOf(Rollout rollout)
        => rollout.Reason.Length == 0 ? rollout.Status.ToWords() : $"{rollout.Status.ToWords()}, {rollout.Reason}";

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} opens wave {Wave} with {Devices} devices")]
    private partial void LogNextWave(string rollout, int wave, int devices);

    [LoggerMessage(LogLevel.Warning, "Rollout {Rollout}: {Devices} devices did not move within {Deadline} and count as failed")]
    private partial void LogSilent(string rollout, int devices, TimeSpan deadline);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} paused: {Reason}")]
    private partial void LogPaused(string rollout, string reason);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} aborted: {Reason}")]
    private partial void LogAborted(string rollout, string reason);

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} has ended: {End}")]
    private partial void LogEnded(string rollout, string end);

    [LoggerMessage(LogLevel.Error, "The rollout engine could not look at its rollouts; it tries again in {Delay}")]
    private partial void LogTurnFailed(TimeSpan delay, Exception exception);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} could not be carried forward; it is tried again in {Delay}")]
    private partial void LogTroubled(string rollout, TimeSpan delay, Exception exception);
}
