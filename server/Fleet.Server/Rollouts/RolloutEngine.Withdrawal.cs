using Fleet.Contracts.Rollouts;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The part that ends rollouts whose release was withdrawn.</summary>
internal sealed partial class RolloutEngine
{
    /// <summary>Aborts a rollout whose release was withdrawn, wherever it stands: nobody is to be moved to that.</summary>
    /// <returns>True when it did.</returns>
    private async Task<bool> AbortWithdrawnAsync(Stored<Rollout> stored, CancellationToken cancellationToken)
    {
        var rollout = stored.Document;
        if (rollout.Status is not (RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval)
            || await ReasonOfWithdrawalAsync(rollout, cancellationToken) is not { } reason) return false;
        var after = rollout with { Status = RolloutStatus.Aborted, Reason = reason, Withdraws = true };
        if (!after.IsOpen) after = after with { FinishedAt = time.GetUtcNow() };
        await store.CommitAsync(
            [stored.Change(after), .. after.IsOpen ? [] : await ending.ClosingAsync(after, cancellationToken)], cancellationToken);
        LogStep(rollout, after);
        if (!after.IsOpen) converging.ChangedForAll();
        return true;
    }

    private async Task<string?> ReasonOfWithdrawalAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        foreach (var (model, version) in rollout.Plan.Moved())
        {
            if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { Document.WithdrawnAt: not null })
                return $"Release {version} of {model} was withdrawn.";
        }
        return null;
    }
}
