using Fleet.Agent.Inference;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Makes the inference host serve the chosen variants, all at once; what served before serves until then.</summary>
internal sealed class Activate(InferenceHost host, ArtifactShelf shelf) : ISharedStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Activating;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken)
    {
        try
        {
            var releases = attempts.Select(attempt => attempt.Release());
            await host.ActivateAsync(
                [.. releases.Select(release => release.Served(shelf.PathOf(release.Variant.Artifact)))], cancellationToken);
            return new StepResult(attempts[0]);
        }
        catch (ActivationException e)
        {
            var refused = attempts.FirstOrDefault(attempt => attempt.Assignment.Model == e.Model) ?? attempts[0];
            return new StepResult(refused, DeploymentFailure.ActivationFailed, e.Message);
        }
    }
}
