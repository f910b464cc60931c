using Fleet.Agent.Shelf;
using Fleet.Agent.Validation;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Measures every variant of this device's profile on this device, and chooses the best of those that pass their gates.</summary>
internal sealed class Validate(ValidationRunner runner, ArtifactShelf shelf) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Validating;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        // A rollback must not depend on a measurement: its release has passed here before.
        if (attempt.Kept is { } kept)
            return new StepResult(attempt with { Chosen = new MeasuredVariant(kept.Variant, kept.Measured ?? new Scores()) });

        var outcomes = new List<(Variant Variant, ValidationOutcome Outcome)>();
        foreach (var variant in attempt.Candidates)
        {
            var samples = shelf.PathOf(attempt.Manifest.ValidationSet);
            var outcome = await runner.RunAsync(shelf.PathOf(variant.Artifact), samples, variant, attempt.Manifest, cancellationToken);
            outcomes.Add((variant, outcome));
        }
        attempt = attempt with { Times = [.. TimesOf(outcomes).Take(Limits.VariantTimes)] };
        var passed = outcomes.Where(one => one.Outcome is { Failure: DeploymentFailure.None, Scores: not null })
            .Select(one => new MeasuredVariant(one.Variant, one.Outcome.Scores!)).ToArray();
        if (VariantChoice.Best(attempt.Manifest.TaskOf(), passed) is { } best) return new StepResult(attempt with { Chosen = best });

        // One failure stands for all: a missed gate says more than a crash, because it was measured.
        var (tried, telling) = outcomes.OrderByDescending(one => one.Outcome.Failure == DeploymentFailure.GateMissed).First();
        var details = outcomes.Select(one => outcomes.Count == 1 ? one.Outcome.Detail : $"{one.Variant.Id}: {one.Outcome.Detail}");
        var chosen = telling.Scores is { } scores ? new MeasuredVariant(tried, scores) : null;
        return new StepResult(attempt with { Chosen = chosen }, telling.Failure, Limits.Detail(string.Join(' ', details)));
    }

    /// <summary>The time of each that was timed, also of one that missed its gate: how fast it is does not depend on that.</summary>
    private static IEnumerable<VariantTime> TimesOf(IEnumerable<(Variant Variant, ValidationOutcome Outcome)> outcomes)
        => outcomes.Where(one => one.Outcome.Scores?.Latency is not null)
            .Select(one => new VariantTime(one.Variant.Id, one.Outcome.Scores!.Latency!.P50));
}
