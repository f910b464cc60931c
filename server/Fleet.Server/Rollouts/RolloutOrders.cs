using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>What an operator may order of a rollout. Each order is one commit and may be repeated; the engine does the rest.</summary>
internal sealed partial class RolloutOrders(
    IFleetStore store, FleetOptions options, WaveOpening opening, RolloutReversal reversal, RolloutEnding ending, RolloutTargets targets,
    OrderTimes times, DesiredNotices notices, RolloutWake wake, TimeProvider time, ILogger<RolloutOrders> logger)
{
    /// <summary>Tells no further device until it is resumed. Devices that were told go on.</summary>
    public Task<Answer<Rollout>> PauseAsync(
        string id, CancellationToken cancellationToken) => ChangeAsync(id, "paused", (rollout, _) => Task.FromResult(rollout.Status switch
        {
            RolloutStatus.Paused => rollout,
            RolloutStatus.Running
                => rollout with { Status = RolloutStatus.Paused, Reason = "Paused by an operator.", PausedByRule = false },
            _ => null,
        }), cancellationToken);

    /// <summary>
    /// Goes on. When the rules had paused it, the failures seen so far are accepted: whoever resumes has looked at them, and at the clock.
    /// </summary>
    public Task<Answer<Rollout>> ResumeAsync(
        string id, CancellationToken cancellationToken) => ChangeAsync(id, "resumed", async (rollout, now) => rollout.Status switch
    {
        RolloutStatus.Running => rollout,
        RolloutStatus.Paused
            => (
                rollout.PausedByRule
                    ? rollout.WithOpen(rollout.Open.NotAfter(now) with
                    {
                        Acknowledged = await FailedAsync(rollout, cancellationToken),
                        Uncompared = true,
                    }) with
                    {
                        AcceptedMetrics = [.. rollout.AcceptedMetrics.Union(CanaryState.WorseIn(rollout.Open.Canary))],
                    }
                    : rollout.WithOpen(rollout.Open.NotAfter(now))) with
            {
                Status = RolloutStatus.Running,
                Reason = "",
                PausedByRule = false,
                ResumedAt = now,
            },
        _ => null,
    }, cancellationToken);

    /// <summary>
    /// Stops for good. Devices that serve its release keep it; all others are told to keep, or take again, what they served, those that
    /// are away as well: none of them installs later what was aborted.
    /// </summary>
    public Task<Answer<Rollout>> AbortAsync(string id, CancellationToken cancellationToken)
        => ChangeAsync(id, "aborted", (rollout, _) => Task.FromResult(rollout.Status switch
        {
            RolloutStatus.Aborted => rollout,
            RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval
                => rollout with { Status = RolloutStatus.Aborted, Reason = "Aborted by an operator.", Withdraws = true },
            _ => null,
        }), cancellationToken);

    /// <summary>Applies an order: null from <paramref name="order"/> refuses it, the same instance means that it is done already.</summary>
    private async Task<Answer<Rollout>> ChangeAsync(
        string id, string past, Func<Rollout, DateTimeOffset, Task<Rollout?>> order, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync<Answer<Rollout>>(async _ =>
        {
            if (await store.FindAsync<Rollout>(id, cancellationToken) is not { } stored)
                return Refusal.Unknown($"There is no rollout '{id}'.");
            var before = stored.Document;
            if (await order(before, time.GetUtcNow()) is not { } after)
                return Refusal.Conflict($"Rollout {id} is {before.Status.ToWords()}: it cannot be {past}.");
            if (ReferenceEquals(after, before)) return before;

            if (await OtherOpenAsync(after, cancellationToken) is { } other) return other;
            await CommitAsync(stored, after, cancellationToken);
            LogOrdered(id, after.Status.ToWords());
            return after;
        }, cancellationToken);
        wake.Set();
        if (answer.Value is not { TakesBack: true }) return answer;
        await ending.FinishAsync(id, cancellationToken);
        return (await store.FindAsync<Rollout>(id, cancellationToken))!.Document;
    }

    /// <summary>
    /// A rollout that ended opens again to take its devices back, and one that ends makes room for the next. The engine takes them back.
    /// </summary>
    private async Task CommitAsync(Stored<Rollout> stored, Rollout after, CancellationToken cancellationToken)
    {
        if (after is { IsOpen: false, FinishedAt: null }) after = after with { FinishedAt = time.GetUtcNow() };
        List<StoreChange> changes = [stored.Change(after), .. await targets.EndAsync(after, cancellationToken)];
        foreach (var (model, _) in after.Plan.Moved())
        {
            var open = await store.FindAsync<OpenRollout>(model, cancellationToken);
            if (after.IsOpen && open is null) changes.Add(StoreChange.Create(model, new OpenRollout(after.Id)));
            if (!after.IsOpen && open?.Document.Rollout == after.Id) changes.Add(open.Removal());
        }
        await store.CommitAsync(changes, cancellationToken);
    }

    /// <summary>The refusal where another rollout is open for one of the models; null where none is.</summary>
    private async Task<ApiProblem?> OtherOpenAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        foreach (var (model, _) in rollout.Plan.Moved())
        {
            if (await store.FindAsync<OpenRollout>(model, cancellationToken) is { Document.Rollout: var open } && open != rollout.Id)
                return Refusal.Conflict($"Rollout {open} of model {model} is open: abort it first.");
        }
        return null;
    }

    private async Task<int> FailedAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken)
            .CountAsync(
                each => each.Document.Wave == rollout.OpenWave && each.Document.Status == DeviceRolloutStatus.Failed, cancellationToken);

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} is {Status} by order of an operator")]
    private partial void LogOrdered(string rollout, string status);
}
