using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The order that takes a rollout back.</summary>
internal sealed partial class RolloutOrders
{
    /// <summary>
    /// Stops for good and returns every device that was told: to what it last served, or to a release that the operator names. The target
    /// goes back with them. Refused where a newer order has taken its place.
    /// </summary>
    /// <param name="id">The rollout.</param>
    /// <param name="version">Where they go; null for what each of them served before.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Answer<Rollout>> RollBackAsync(string id, int? version, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is { Document: { Status: not RolloutStatus.RolledBack } rollout }
            && await WhyNotBackAsync(rollout, version, cancellationToken) is { } problem) return problem;
        return await ChangeAsync(id, "rolled back", (found, _) => Task.FromResult<Rollout?>(found.Status switch
        {
            RolloutStatus.RolledBack => found,
            _ => found with
            {
                Status = RolloutStatus.RolledBack,
                Reason = version is null ? "Rolled back by an operator." : $"Rolled back to release {version} by an operator.",
                ReturnTo = version,
                Reversed = 0,
                FinishedAt = null,
            },
        }), cancellationToken);
    }

    private async Task<ApiProblem?> WhyNotBackAsync(Rollout rollout, int? version, CancellationToken cancellationToken)
    {
        if (version is { } to && await WhyNotToAsync(rollout, to, cancellationToken) is { } nowhere) return nowhere;
        if (await OtherOpenAsync(rollout, cancellationToken) is { } other) return other;
        foreach (var moved in rollout.Targets)
        {
            if (version is null && await WhyNotToFormerAsync(rollout, moved, cancellationToken) is { } withdrawn) return withdrawn;
            if (await NewerAsync(rollout, moved, cancellationToken) is { } newer)
                return Refusal.Conflict(
                    $"{newer} since rollout {rollout.Id} brought {rollout.Plan.ReleasesInWords()}: nothing was rolled back.",
                    $"Roll the newer one back, or go to a release by name: 'fleet targets set {moved.Target} --version N --allow-older'.");
        }
        return await reversal.HoldsAnyAsync(rollout, cancellationToken)
            ? null
            : Refusal.Conflict($"No device has what rollout {rollout.Id} told it any more ({rollout.Status.ToWords()}): nothing was rolled "
                + $"back.");
    }

    /// <summary>What was there before may have been withdrawn since: devices would refuse it and serve on what is rolled back.</summary>
    private async Task<ApiProblem?> WhyNotToFormerAsync(Rollout rollout, MovedTarget moved, CancellationToken cancellationToken)
    {
        if (moved.Before is not { } before
            || (await store.FindAsync<Release>(Release.IdOf(moved.Model, before.Version), cancellationToken))?.Document.WithdrawnAt
                is not { } withdrawn)
            return null;
        return Refusal.Conflict(
            $"Release {moved.Model} {before.Version}, which was there before rollout {rollout.Id}, was withdrawn at {withdrawn:u}: no "
                + "device returns to it.",
            rollout.Plan.Moved().Count == 1
                ? $"Name an older release: 'fleet rollouts rollback {rollout.Id} --to N'."
                : $"Name an older release of each: 'fleet targets set {moved.Target} --version N --allow-older'.");
    }

    private async Task<ApiProblem?> WhyNotToAsync(Rollout rollout, int version, CancellationToken cancellationToken)
    {
        if (rollout.Plan.Moved() is not [var (model, brought)])
            return Refusal.Invalid(
                $"Rollout {rollout.Id} moves {rollout.Plan.ReleasesInWords()}: release {version} would be of one of them.",
                ["Without a release, every device returns to what it served before of each."]);
        if (version == brought) return Refusal.Invalid($"Release {version} is what rollout {rollout.Id} brought.");
        return (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken))?.Document switch
        {
            null => Refusal.Unknown($"There is no release {model} {version}."),
            { WithdrawnAt: { } withdrawn } => Refusal.Conflict(
                $"Release {model} {version} was withdrawn at {withdrawn:u}: no device returns to it."),
            _ => null,
        };
    }

    /// <summary>What took the place of a rollout that had succeeded, in words; null when nothing did.</summary>
    private async Task<string?> NewerAsync(Rollout rollout, MovedTarget moved, CancellationToken cancellationToken)
    {
        if (rollout is not { Status: RolloutStatus.Succeeded, IsWhole: true }) return null;
        var name = moved.Target;
        return (await store.FindAsync<Target>(name, cancellationToken))?.Document.Release switch
        {
            null => $"Target {name} was removed",
            { Rollout: { } by } when by == rollout.Id => null,
            { Rollout: { } by, Version: var version } => $"Rollout {by} has moved target {name} to release {version}",
            { Version: var version } => $"Target {name} was set to release {version}",
        };
    }
}
