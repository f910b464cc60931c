using Fleet.Contracts;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Carries open rollouts forward: one loop, woken by reports, by orders and by time. It keeps nothing of its own; each look reads
/// what is stored, does what the rules say and commits, so a server killed at any point goes on where the store says.
/// </summary>
internal sealed partial class RolloutEngine(
    IFleetStore store, WaveOpening opening, RolloutEnding ending, CanaryWatch canary, ConvergenceQueue converging, DesiredNotices notices,
    RolloutWake wake, ServerHealth health, TimeProvider time, ILogger<RolloutEngine> logger) : BackgroundService
{
    private const string HealthSubject = "rollouts";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A look reads every device that was told, about a microsecond each, and where a budget holds the rest, every device of the fleet.
    /// Reports that come one by one would each have one: with a rest four times as long the engine takes a fifth of a processor, and what
    /// it decides comes no later than anybody sees.
    /// </summary>
    private static readonly TimeSpan RestPerDevice = TimeSpan.FromMicroseconds(4);
    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(250);

    private readonly ListeningClock _clock = new(time);

    /// <summary>Documents that were read since the last rest: device rollouts, and what budgets count.</summary>
    private int _read;

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
            await RestAsync(stoppingToken);
            await wake.WaitAsync(next, time, stoppingToken);
        }
    }

    /// <summary>Lets the next reports come together, longer the more devices each look reads.</summary>
    private Task RestAsync(CancellationToken cancellationToken)
    {
        var rest = RestPerDevice * _read;
        _read = 0;
        return rest < ShortestRest ? Task.CompletedTask : Task.Delay(rest < LongestRest ? rest : LongestRest, cancellationToken);
    }

    /// <summary>Looks at every open rollout once. One that fails does not keep the others waiting.</summary>
    /// <returns>When to look again at the latest; null when only a report or an order changes anything.</returns>
    private async Task<DateTimeOffset?> TurnAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? next = null;
        var (troubled, looked) = (new List<string>(), new HashSet<string>(StringComparer.Ordinal));
        var storeFails = false;
        await foreach (var open in store.AllAsync<OpenRollout>("", cancellationToken))
        {
            if (!looked.Add(open.Document.Rollout)) continue; // It is open for each of its models.
            DateTimeOffset? due;
            try
            {
                due = await AdvanceAsync(open.Document.Rollout, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogTroubled(open.Document.Rollout, RetryDelay, e);
                troubled.Add($"{open.Document.Rollout} ({e.Message})");
                storeFails |= e is StoreException;
                due = time.GetUtcNow() + RetryDelay;
            }
            if (next is null || due < next) next = due ?? next;
        }
        Say(troubled, storeFails);
        return next;
    }

    /// <summary>What keeps one rollout, such as something of its devices that was not foreseen, does not keep the server.</summary>
    private void Say(List<string> troubled, bool storeFails)
    {
        if (troubled.Count == 0)
        {
            health.Clear(HealthSubject);
            return;
        }
        var said = $"Rollouts cannot be carried forward: {string.Join(", ", troubled)}. They are tried again every "
            + $"{RetryDelay.TotalSeconds:0} s.";
        if (storeFails) health.Report(HealthSubject, said);
        else health.Warn(HealthSubject, said);
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
                if (await AbortWithdrawnAsync(stored, cancellationToken)) continue;
                switch (stored.Document)
                {
                    case { IsOpen: false } or { Status: RolloutStatus.Paused or RolloutStatus.AwaitingApproval }:
                        return null;
                    case { TakesBack: true }:
                        if (await ending.StepAsync(stored, cancellationToken) is { IsOpen: false } ended) LogEnded(id, EndOf(ended));
                        break;
                    case { Status: RolloutStatus.Running } rollout:
                        var isHeld = rollout.Retries || rollout.Told < rollout.Open.End;
                        if (isHeld && await TellAsync(stored, rollout, cancellationToken)) break;
                        // Why it is held may have been written anew, which must not keep it from being judged.
                        if (isHeld) stored = await store.FindAsync<Rollout>(id, cancellationToken) ?? stored;
                        if (await JudgeAsync(stored, cancellationToken) is { Step: RolloutStep.Wait } waiting)
                            return isHeld ? new[] { waiting.At, time.GetUtcNow() + UnavailableBudget.LookAgainAfter }.Min() : waiting.At;
                        break;
                    default:
                        return null;
                }
            }
            catch (VersionConflictException)
            {
                // A report or an order came in between: look again.
                await Task.Yield();
            }
        }
    }

    private static string EndOf(Rollout rollout)
        => rollout.Reason.Length == 0 ? rollout.Status.ToWords() : $"{rollout.Status.ToWords()}, {rollout.Reason}";
}
