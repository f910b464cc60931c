using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>
/// Waits until the device may switch: for the window that the order names, then for the device's own sign. A device that serves nothing of
/// the model interrupts nobody, and one that goes back is in a hurry: neither waits. Of several releases, all wait for the last.
/// </summary>
internal sealed partial class Hold(ActivationSign sign, DeploymentOptions options, TimeProvider time, ILogger<Hold> logger)
    : ISharedStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Holding;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken)
    {
        Attempt[] held = [.. attempts.Where(attempt => attempt is { Journal.Active: not null, Assignment.Rollback: false })];
        if (held.Length == 0) return new StepResult(attempts[0]);
        foreach (var attempt in held)
            if (attempt.Assignment.Window is { } window) LogWindow(attempt.Assignment.Model, attempt.Assignment.Version, window);
        while (true)
        {
            var now = TimeOnly.FromTimeSpan(time.GetLocalNow().TimeOfDay);
            var wait = held.Max(attempt => attempt.Assignment.Window?.OpensIn(now) ?? TimeSpan.Zero);
            if (wait == TimeSpan.Zero && await sign.IsGivenAsync(cancellationToken)) return new StepResult(attempts[0]);
            // Never for longer than this: a clock or a time zone that is set meanwhile counts.
            await Task.Delay(wait > TimeSpan.Zero && wait < options.SignInterval ? wait : options.SignInterval, time, cancellationToken);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Model} {Version} is ready and waits for {Window} to be switched to.")]
    private partial void LogWindow(string model, int version, ActivationWindow window);
}
