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
    /// <summary>Stops for good and returns every device: to what it last served, or to a release of the one model.</summary>
    public async Task<Answer<Rollout>> RollBackAsync(string id, int? version, CancellationToken cancellationToken)
    {
        if (version is not { } number) return await RollBackToAsync(id, [], cancellationToken);
        if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document: var rollout })
            return Refusal.Unknown($"There is no rollout '{id}'.");
        return rollout.Plan.Moved() is [var only]
            ? await RollBackToAsync(id, [new PlannedRelease(only.Model, number)], cancellationToken)
            : NotOfEach(rollout);
    }

    /// <summary>
    /// Stops for good and returns every device that was told: to what it last served, or to releases that the operator names. The targets
    /// go back with them. Refused where a newer order has taken its place.
    /// </summary>
    /// <param name="id">The rollout.</param>
    /// <param name="to">Where they go, a release of each model; empty for what each served before.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Answer<Rollout>> RollBackToAsync(string id, IReadOnlyList<PlannedRelease> to, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is { Document: { Status: not RolloutStatus.RolledBack } rollout })
        {
            if (await WhyNotBackAsync(rollout, to, cancellationToken) is { } problem) return problem;
        }
        return await ChangeAsync(id, "rolled back", (found, _) => Task.FromResult<Rollout?>(found.Status switch
        {
            RolloutStatus.RolledBack => found,
            _ => found with
            {
                Status = RolloutStatus.RolledBack,
                Reason = to.Count == 0 ? "Rolled back by an operator." : $"Rolled back to {InWords(to)} by an operator.",
                ReturnsTo = to,
                Reversed = 0,
                FinishedAt = null,
            },
        }), cancellationToken);
    }

    private static string InWords(IReadOnlyList<PlannedRelease> releases)
        => releases is [var only] ? $"release {only.Version}" : new RolloutPlan { Releases = releases, Waves = [] }.ReleasesInWords();

    private async Task<ApiProblem?> WhyNotBackAsync(
        Rollout rollout, IReadOnlyList<PlannedRelease> to, CancellationToken cancellationToken)
    {
        if (to.Count > 0 && await WhyNotToAsync(rollout, to, cancellationToken) is { } nowhere) return nowhere;
        if (await OtherOpenAsync(rollout, cancellationToken) is { } other) return other;
        foreach (var moved in rollout.Targets)
        {
            if (to.Count == 0 && await WhyNotToFormerAsync(rollout, moved, cancellationToken) is { } withdrawn) return withdrawn;
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
        var now = (await store.FindAsync<Target>(moved.Target, cancellationToken))?.Document.Release;
        // While the rollout has not moved its target, that may have gone back further by itself.
        if ((now?.Rollout == rollout.Id ? moved.Before : now) is not { } before
            || (await store.FindAsync<Release>(Release.IdOf(moved.Model, before.Version), cancellationToken))?.Document.WithdrawnAt
                is not { } withdrawn)
            return null;
        var to = rollout.Plan.Moved() is { Count: > 1 } several ? string.Join(" --to ", several.Select(each => $"{each.Model}=N")) : "N";
        return Refusal.Conflict(
            $"Release {moved.Model} {before.Version}, which was there before rollout {rollout.Id}, was withdrawn at {withdrawn:u}: no "
                + "device returns to it.",
            $"Name an older release{(to == "N" ? "" : " of each")}: 'fleet rollouts rollback {rollout.Id} --to {to}'.");
    }

    private async Task<ApiProblem?> WhyNotToAsync(
        Rollout rollout, IReadOnlyList<PlannedRelease> to, CancellationToken cancellationToken)
    {
        var moved = rollout.Plan.Moved();
        if (!moved.Select(each => each.Model).Order(StringComparer.Ordinal).SequenceEqual(
            to.Select(each => each.Model).Order(StringComparer.Ordinal)))
            return NotOfEach(rollout);
        if (moved.All(to.Contains)) return Refusal.Invalid($"{rollout.Plan.ReleasesInWords()} is what rollout {rollout.Id} brought.");
        foreach (var (model, version) in to)
        {
            switch ((await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken))?.Document)
            {
                case null: return Refusal.Unknown($"There is no release {model} {version}.");
                case { WithdrawnAt: { } withdrawn }:
                    return Refusal.Conflict($"Release {model} {version} was withdrawn at {withdrawn:u}: no device returns to it.");
            }
        }
        return await targets.WhyNotBackAsync(rollout, to, cancellationToken);
    }

    private static ApiProblem NotOfEach(Rollout rollout) => Refusal.Invalid(
        $"Rollout {rollout.Id} moves {rollout.Plan.ReleasesInWords()}: where it goes names one release of each model, "
            + $"such as {string.Join(", ", rollout.Plan.Moved().Select(each => $"{each.Model}=N"))}.",
        "Without a release, every device returns to what it served before of each.");

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
