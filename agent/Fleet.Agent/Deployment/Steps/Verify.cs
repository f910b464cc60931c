using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Reads every artifact back from the disk: what is loaded later is what was signed, whatever the disk did in between.</summary>
internal sealed class Verify(ArtifactShelf shelf) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Verifying;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        foreach (var artifact in attempt.Artifacts())
        {
            if (!await shelf.HoldsAsync(artifact, cancellationToken))
                return new StepResult(attempt, DeploymentFailure.DigestMismatch, $"{artifact.Name} on this device's disk is not what was signed ({artifact.Sha256}); it was removed.");
        }
        return new StepResult(attempt);
    }
}
