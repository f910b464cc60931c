using Fleet.Agent.Orders;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>
/// Waits until the device may switch: for the window that the order names, then for the device's own sign. A device that serves nothing of
/// the model interrupts nobody, and one that goes back is in a hurry: neither waits. Of several releases, all wait for the last. Each look
/// goes by the newest order: one that comes meanwhile and wants the same release may name another window, or none.
/// </summary>
internal sealed partial class Hold(
    ActivationSign sign, DesiredFile desired, DeploymentOptions options, TimeProvider time, ILogger<Hold> logger) : ISharedStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Holding;

    /// <inheritdoc/>
    public async Task<StepResult> RunAsync(IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken)
    {
        var told = new HashSet<(string Model, ActivationWindow Window)>();
        while (true)
        {
            Assignment[] held =
                [.. attempts.Where(attempt => attempt.Journal.Active is not null).Select(Newest).Where(assignment => !assignment.Rollback)];
            if (held.Length == 0) return new StepResult(attempts[0]);
            foreach (var assignment in held)
            {
                if (assignment.Window is { } window && told.Add((assignment.Model, window)))
                    LogWindow(assignment.Model, assignment.Version, window);
            }
            var wait = held.Max(assignment => assignment.Window?.OpensIn(TimeOfDay()) ?? TimeSpan.Zero);
            if (wait == TimeSpan.Zero && await sign.IsGivenAsync(cancellationToken)) return new StepResult(attempts[0]);
            // Never for longer than this: an order that comes meanwhile counts, and a clock or a time zone that is set.
            await Task.Delay(wait > TimeSpan.Zero && wait < options.SignInterval ? wait : options.SignInterval, time, cancellationToken);
        }
    }

    /// <summary>The release as the newest order wants it.</summary>
    private Assignment Newest(Attempt attempt) => desired.Accepted?.Assignments.FirstOrDefault(one
        => one.Model == attempt.Assignment.Model && JournalEntry.DigestOf(one) == attempt.Digest) ?? attempt.Assignment;

    /// <summary>By the zone that the device is in now: .NET reads it once and keeps it.</summary>
    private TimeOnly TimeOfDay()
    {
        TimeZoneInfo.ClearCachedData();
        return TimeOnly.FromTimeSpan(time.GetLocalNow().TimeOfDay);
    }

    [LoggerMessage(LogLevel.Information, "{Model} {Version} is ready and waits for {Window} to be switched to.")]
    private partial void LogWindow(string model, int version, ActivationWindow window);
}
