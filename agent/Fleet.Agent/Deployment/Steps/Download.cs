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
                void Received(long bytes) => report.Progress(attempt.Assignment.Model, done + bytes);
                await download.FetchAsync(artifact, Received, cancellationToken);
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
