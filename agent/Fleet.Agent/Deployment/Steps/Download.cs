using Fleet.Agent.Shelf;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Fetches what the release needs on this device and the shelf lacks.</summary>
internal sealed class Download(ArtifactDownload download, StateReport report) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Downloading;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        var done = 0L;
        try
        {
            foreach (var artifact in attempt.Artifacts())
            {
                await download.FetchAsync(artifact, received => report.Progress(attempt.Assignment.Model, done + received), cancellationToken);
                done += artifact.Bytes;
            }
        }
        catch (ArtifactException e)
        {
            return new StepResult(attempt, e.Failure, e.Message);
        }
        report.Progress(attempt.Assignment.Model, done);
        return new StepResult(attempt);
    }
}
