using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>How a phase ended.</summary>
internal enum PhaseOutcome
{
    /// <summary>It did what it is for.</summary>
    Succeeded,
    /// <summary>It failed for a reason that is reported.</summary>
    Failed,
    /// <summary>The agent ended in the middle of it: killed, crashed, or without power.</summary>
    Interrupted,
}

/// <summary>The lifecycle of a deployment, whole.</summary>
internal static class Lifecycle
{
    /// <summary>The phase that follows.</summary>
    /// <remarks>
    /// After an interruption everything starts over at the preflight: what it repeats is either cheap, or finds its work done on
    /// disk (the download), or must not be believed after a power cut (the bytes on disk, the time a validation took). Until a
    /// deployment is <see cref="DeploymentPhase.Active"/> the release before it stays the one that a starting agent serves.
    /// </remarks>
    public static DeploymentPhase Next(DeploymentPhase phase, PhaseOutcome outcome) => (phase, outcome) switch
    {
        (DeploymentPhase.Idle, _) => DeploymentPhase.Preflight,

        (DeploymentPhase.Preflight, PhaseOutcome.Succeeded) => DeploymentPhase.Downloading,
        (DeploymentPhase.Downloading, PhaseOutcome.Succeeded) => DeploymentPhase.Verifying,
        (DeploymentPhase.Verifying, PhaseOutcome.Succeeded) => DeploymentPhase.Validating,
        (DeploymentPhase.Validating, PhaseOutcome.Succeeded) => DeploymentPhase.Activating,
        (DeploymentPhase.Activating, PhaseOutcome.Succeeded) => DeploymentPhase.Watching,
        (DeploymentPhase.Watching, PhaseOutcome.Succeeded) => DeploymentPhase.Active,

        // Serving goes on across restarts; a release that stops working while it serves gives way to the one before.
        (DeploymentPhase.Active, PhaseOutcome.Failed) => DeploymentPhase.RolledBack,
        (DeploymentPhase.Active, _) => DeploymentPhase.Active,
        (DeploymentPhase.RolledBack, _) => DeploymentPhase.RolledBack,

        (_, PhaseOutcome.Failed) => DeploymentPhase.RolledBack,
        (_, PhaseOutcome.Interrupted) => DeploymentPhase.Preflight,
        _ => throw new ArgumentOutOfRangeException(nameof(phase), phase, $"Phase {phase} has no line for {outcome}."),
    };

    /// <summary>True when nothing follows by itself.</summary>
    public static bool IsFinal(DeploymentPhase phase) => phase is DeploymentPhase.Idle or DeploymentPhase.Active or DeploymentPhase.RolledBack;

    /// <summary>True when the new release may already answer requests, so that ending here must bring the one before back.</summary>
    public static bool TouchesServing(DeploymentPhase phase) => phase is DeploymentPhase.Activating or DeploymentPhase.Watching;

    /// <summary>True when the release's own bytes run, so that an interruption may be its doing.</summary>
    public static bool RunsRelease(DeploymentPhase phase) => phase is DeploymentPhase.Validating or DeploymentPhase.Activating or DeploymentPhase.Watching;
}
