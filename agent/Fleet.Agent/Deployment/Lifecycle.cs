using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>How a phase ended.</summary>
internal enum PhaseOutcome
{
    /// <summary>It did its work.</summary>
    Succeeded,
    /// <summary>It failed for a reason that is reported.</summary>
    Failed,
    /// <summary>The agent ended in the middle of it: killed, crashed or without power.</summary>
    Interrupted,
}

/// <summary>The whole lifecycle of a deployment.</summary>
internal static class Lifecycle
{
    /// <summary>The phase that follows.</summary>
    /// <remarks>
    /// After an interruption everything starts over at the preflight: what it repeats is cheap, or finds its work done on disk (the
    /// download), or must not be trusted after a power cut (the bytes on disk, the time a validation took). Until a deployment is
    /// <see cref="DeploymentPhase.Active"/>, a starting agent serves the release before it.
    /// </remarks>
    public static DeploymentPhase Next(DeploymentPhase phase, PhaseOutcome outcome) => (phase, outcome) switch
    {
        (DeploymentPhase.Idle, _) => DeploymentPhase.Preflight,

        (DeploymentPhase.Preflight, PhaseOutcome.Succeeded) => DeploymentPhase.Downloading,
        (DeploymentPhase.Downloading, PhaseOutcome.Succeeded) => DeploymentPhase.Verifying,
        (DeploymentPhase.Verifying, PhaseOutcome.Succeeded) => DeploymentPhase.Validating,
        (DeploymentPhase.Validating, PhaseOutcome.Succeeded) => DeploymentPhase.Holding,
        (DeploymentPhase.Holding, PhaseOutcome.Succeeded) => DeploymentPhase.Activating,
        (DeploymentPhase.Activating, PhaseOutcome.Succeeded) => DeploymentPhase.Watching,
        (DeploymentPhase.Watching, PhaseOutcome.Succeeded) => DeploymentPhase.Active,

        // Serving continues across restarts; a release that stops working gives way to the previous one.
        (DeploymentPhase.Active, PhaseOutcome.Failed) => DeploymentPhase.RolledBack,
        (DeploymentPhase.Active, _) => DeploymentPhase.Active,
        (DeploymentPhase.RolledBack, _) => DeploymentPhase.RolledBack,

        (_, PhaseOutcome.Failed) => DeploymentPhase.RolledBack,
        (_, PhaseOutcome.Interrupted) => DeploymentPhase.Preflight,
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, $"Phase {phase} has no line for {outcome}."),
    };

    /// <summary>True when no phase follows without a new order.</summary>
    public static bool IsFinal(DeploymentPhase phase)
        => phase is DeploymentPhase.Idle or DeploymentPhase.Active or DeploymentPhase.RolledBack;

    /// <summary>True when the new release may already answer requests, so that a failure must restore the previous one.</summary>
    public static bool TouchesServing(DeploymentPhase phase) => phase is DeploymentPhase.Activating or DeploymentPhase.Watching;

    /// <summary>
    /// True when one model at a time may be in this phase: two that are measured together would slow each other, and if the agent dies, it
    /// must be known whose bytes ran.
    /// </summary>
    public static bool TakesTurns(DeploymentPhase phase) => phase is DeploymentPhase.Validating or DeploymentPhase.Activating;

    /// <summary>True when the release's own bytes run, so that it may have caused an interruption.</summary>
    public static bool RunsRelease(DeploymentPhase phase)
        => phase is DeploymentPhase.Validating or DeploymentPhase.Activating or DeploymentPhase.Watching;
}
