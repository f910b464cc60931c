using Fleet.Agent.Inference;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Waits while the release serves. An inference host that keeps dying with it ends the wait.</summary>
internal sealed class Watch(InferenceHost host, DeploymentOptions options, TimeProvider time) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Watching;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var dying = host.KeepsDyingAsync(attempt.Assignment.Model, enough.Token);
        await Task.WhenAny(dying, Task.Delay(options.WatchPeriod, time, cancellationToken));
        var died = dying.IsCompletedSuccessfully;
        await enough.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return died ? new StepResult(attempt, DeploymentFailure.ActivationFailed, await dying) : new StepResult(attempt);
    }
}
