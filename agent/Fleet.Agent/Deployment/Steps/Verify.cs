using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Reads every artifact back from disk, so that what is loaded later is what was signed.</summary>
internal sealed class Verify(ArtifactShelf shelf) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Verifying;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        foreach (var artifact in attempt.Artifacts())
        {
            if (await shelf.HoldsAsync(artifact, cancellationToken)) continue;
            var detail = $"{artifact.Name} on this device's disk is not what was signed ({artifact.Sha256}); it was removed.";
            return new StepResult(attempt, DeploymentFailure.DigestMismatch, detail);
        }
        return new StepResult(attempt);
    }
}
