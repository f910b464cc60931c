namespace Fleet.Server.Targets;

/// <summary>Knows what targets had: rollouts, which this room must not know.</summary>
internal interface ITargetHistory
{
    /// <summary>The releases that a target had when something else was about to take their place.</summary>
    Task<IReadOnlySet<int>> FormerAsync(Target target, CancellationToken cancellationToken);
}
