using Fleet.Agent.Inference;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Makes the inference host serve the chosen variant; what served before serves until then.</summary>
internal sealed class Activate(InferenceHost host, ArtifactShelf shelf) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Activating;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        try
        {
            var release = attempt.Release();
            await host.ActivateAsync(release.Served(shelf.PathOf(release.Variant.Artifact)), cancellationToken);
            return new StepResult(attempt);
        }
        catch (ActivationException e)
        {
            return new StepResult(attempt, DeploymentFailure.ActivationFailed, e.Message);
        }
    }
}
