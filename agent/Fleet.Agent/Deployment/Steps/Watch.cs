using Fleet.Agent.Inference;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Watches releases while they serve. An inference host that keeps dying with one ends the watch.</summary>
internal sealed class Watch(InferenceHost host, DeploymentOptions options, TimeProvider time) : ISharedStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Watching;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<string>[] dying = [.. attempts.Select(attempt => host.DiesRepeatedlyAsync(attempt.Assignment.Model, enough.Token))];
        await Task.WhenAny([.. dying, Task.Delay(options.WatchPeriod, time, cancellationToken)]);
        var died = Array.FindIndex(dying, task => task.IsCompletedSuccessfully);
        await enough.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return died < 0
            ? new StepResult(attempts[0])
            : new StepResult(attempts[died], DeploymentFailure.ActivationFailed, await dying[died]);
    }
}
