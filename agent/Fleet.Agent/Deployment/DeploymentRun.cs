using Fleet.Agent.Shelf;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Takes releases through the phases: first the journal, then the report, then the step. <see cref="Lifecycle"/> alone decides which phase
/// follows. Releases of one group go through it in step, are switched to together, and fail together.
/// </summary>
internal sealed partial class DeploymentRun(
    Journals journals,
    StateReport report,
    Serving serving,
    IEnumerable<IDeploymentStep> steps,
    IEnumerable<ISharedStep> sharedSteps,
    ArtifactShelf shelf,
    DeploymentOptions options,
    TimeProvider time,
    ILogger<DeploymentRun> logger) : IDisposable
{
    private readonly Dictionary<DeploymentPhase, IDeploymentStep> _steps = steps.ToDictionary(step => step.Phase);
    private readonly Dictionary<DeploymentPhase, ISharedStep> _sharedSteps = sharedSteps.ToDictionary(step => step.Phase);

    /// <summary>Held by the one deployment that is in a phase which takes turns.</summary>
    private readonly SemaphoreSlim _turn = new(1, 1);

    private int _running;

    /// <summary>A deployment begins: whatever else uses this device for measuring should end.</summary>
    public event Action? Began;

    /// <summary>True while a deployment is on its way.</summary>
    public bool IsRunning => Volatile.Read(ref _running) > 0;

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    /// <summary>Runs the phases to their end.</summary>
    /// <param name="group">What is deployed.</param>
    /// <param name="stopping">
    /// The agent stops. Nothing else cuts short that what served before a failure is restored: an order that comes in those seconds waits.
    /// </param>
    /// <param name="cancellationToken">It is not wanted any more.</param>
    /// <exception cref="OperationCanceledException">
    /// A newer desired state took its place, or the agent stops; the journals say how far it came.
    /// </exception>
    public async Task RunAsync(DeploymentGroup group, CancellationToken stopping, CancellationToken cancellationToken)
    {
        Attempt[] attempts =
        [
            .. group.Releases.Select(release => new Attempt
            {
                Assignment = release.Assignment,
                Digest = release.Digest,
                Group = group.Name,
                Journal = journals.Of(release.Model),
            }),
        ];
        var (phase, hasTurn) = (attempts[0].Journal.Last!.Phase, false);
        Interlocked.Increment(ref _running);
        try
        {
            Began?.Invoke();
            while (!Lifecycle.IsFinal(phase))
            {
                // Before the journal names the phase: one that only waits for its turn is not blamed for what another does.
                if (Lifecycle.TakesTurns(phase) && !hasTurn) await _turn.WaitAsync(cancellationToken);
                else if (!Lifecycle.TakesTurns(phase) && hasTurn) _turn.Release();
                hasTurn = Lifecycle.TakesTurns(phase);
                phase = Lifecycle.Next(phase, await PhaseAsync(phase, attempts, stopping, cancellationToken));
            }
            if (phase == DeploymentPhase.Active) Commit(attempts);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
            if (hasTurn) _turn.Release();
        }
        report.Send();
        Tidy();
    }

    /// <summary>Removes from the shelf what no journal needs any more.</summary>
    /// <remarks>No journal changes meanwhile: what another deployment is about to fetch is named in its journal first.</remarks>
    public void Tidy() => journals.Hold(
        all => shelf.Collect(all.Values.SelectMany(journal => journal.Needed()).ToHashSet(StringComparer.Ordinal)));

    /// <summary>Carries a phase out: for each release by itself, or for all of them at once where they share it.</summary>
    private async Task<PhaseOutcome> PhaseAsync(
        DeploymentPhase phase, Attempt[] attempts, CancellationToken stopping, CancellationToken cancellationToken)
    {
        if (_sharedSteps.TryGetValue(phase, out var shared))
        {
            Enter(attempts, phase);
            var result = await TryAsync(attempts[0], phase, () => shared.RunAsync(attempts, cancellationToken), cancellationToken);
            return await EndAsync(phase, attempts, result, stopping);
        }
        for (var i = 0; i < attempts.Length; i++)
        {
            // One at a time: the journals say whose bytes run.
            Enter(attempts.AsSpan(i, 1), phase);
            var attempt = attempts[i];
            var result = await TryAsync(attempt, phase, () => _steps[phase].RunAsync(attempt, cancellationToken), cancellationToken);
            attempts[i] = result.Attempt;
            if (await EndAsync(phase, attempts, result, stopping) == PhaseOutcome.Failed) return PhaseOutcome.Failed;
        }
        return PhaseOutcome.Succeeded;
    }

    /// <summary>Notes a failure for the whole group, and restores what served before where it was touched.</summary>
    private async Task<PhaseOutcome> EndAsync(
        DeploymentPhase phase, Attempt[] attempts, StepResult result, CancellationToken stopping)
    {
        if (result.Failure == DeploymentFailure.None) return PhaseOutcome.Succeeded;
        var failed = result.Attempt.Assignment;
        Fail(attempts, result);
        LogFailed(failed.Model, failed.Version, phase, result.Failure, result.Detail);
        if (Lifecycle.TouchesServing(phase))
            await serving.RestoreAsync([.. attempts.Select(attempt => attempt.Journal)], stopping);
        return PhaseOutcome.Failed;
    }

    private async Task<StepResult> TryAsync(
        Attempt attempt, DeploymentPhase phase, Func<Task<StepResult>> step, CancellationToken cancellationToken)
    {
        try
        {
            return await step();
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            LogUnexpected(e, attempt.Assignment.Model, attempt.Assignment.Version, phase);
            return new StepResult(attempt, DeploymentFailure.Unexpected, $"{phase}: {e.Message}");
        }
    }

    [LoggerMessage(LogLevel.Information, "{Model} {Version}: {Phase}.")]
    private partial void LogPhase(string model, int version, DeploymentPhase phase);

    [LoggerMessage(LogLevel.Information, "{Model} {Version} is active with variant {Variant}.")]
    private partial void LogActive(string model, int version, string variant);

    [LoggerMessage(LogLevel.Warning, "{Model} {Version} failed in phase {Phase}: {Failure}. {Detail}")]
    private partial void LogFailed(string model, int version, DeploymentPhase phase, DeploymentFailure failure, string detail);

    [LoggerMessage(LogLevel.Error, "{Model} {Version} failed unexpectedly in phase {Phase}.")]
    private partial void LogUnexpected(Exception exception, string model, int version, DeploymentPhase phase);
}
