using Fleet.Agent.Inference;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Watches the release while it serves. An inference host that keeps dying with it ends the watch.</summary>
internal sealed class Watch(InferenceHost host, DeploymentOptions options, TimeProvider time) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Watching;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var dying = host.DiesRepeatedlyAsync(attempt.Assignment.Model, enough.Token);
        await Task.WhenAny(dying, Task.Delay(options.WatchPeriod, time, cancellationToken));
        var died = dying.IsCompletedSuccessfully;
        await enough.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return died ? new StepResult(attempt, DeploymentFailure.ActivationFailed, await dying) : new StepResult(attempt);
    }
}
