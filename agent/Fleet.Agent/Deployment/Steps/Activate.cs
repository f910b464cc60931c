using Fleet.Agent.Inference;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Lets the inference host take the chosen variant over; what served before serves until that has happened.</summary>
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
