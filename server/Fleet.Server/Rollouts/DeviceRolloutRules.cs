using System.Globalization;
using Fleet.Contracts;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Server.Rollouts;

/// <summary>What a report, or its absence, means for a device rollout. Pure.</summary>
internal static class DeviceRolloutRules
{
    /// <summary>The device rollout after a report; the same instance when the report does not answer it or says nothing new.</summary>
    /// <remarks>
    /// A report names revision and version, so one that is repeated, late or about another release changes nothing. Once finished,
    /// only another end changes it: a release that fails while it is watched counts, and a device given up as silent that comes
    /// back serving counts as well.
    /// </remarks>
    public static DeviceRollout Answer(DeviceRollout current, ReportedState reported, DateTimeOffset now)
    {
        if (reported.Revision < current.Revision) return current;
        if (reported.Models.FirstOrDefault(model => model.Model == current.Model) is not { } model || model.Version != current.Version)
            return current;

        var status = StatusOf(model);
        if (status == DeviceRolloutStatus.Running && current.Status != DeviceRolloutStatus.Running) return current;
        var answered = current with
        {
            Status = status,
            Phase = model.Phase,
            Failure = model.Failure,
            Detail = model.Detail,
            Variant = model.Variant,
            Measured = model.Measured,
        };
        if (answered == current) return current;
        return answered with { PhaseSince = model.Phase == current.Phase ? current.PhaseSince : now, UpdatedAt = now };
    }

    /// <summary>When the device counts as silent unless its phase moves; null when it has finished.</summary>
    /// <param name="current">The device rollout.</param>
    /// <param name="phaseDeadline">How long a phase may last.</param>
    /// <param name="listeningSince">Since when reports could have been heard: a server that was down, or a rollout that was paused,
    /// heard nothing and may not blame the device.</param>
    public static DateTimeOffset? SilentAt(DeviceRollout current, TimeSpan phaseDeadline, DateTimeOffset listeningSince)
        => SilentAt(current.Status, current.PhaseSince, phaseDeadline, listeningSince);

    /// <inheritdoc cref="SilentAt(DeviceRollout, TimeSpan, DateTimeOffset)"/>
    public static DateTimeOffset? SilentAt(
        DeviceRolloutStatus status, DateTimeOffset phaseSince, TimeSpan phaseDeadline, DateTimeOffset listeningSince)
    {
        if (status != DeviceRolloutStatus.Running) return null;
        var since = phaseSince > listeningSince ? phaseSince : listeningSince;
        return DateTimeOffset.MaxValue - since <= phaseDeadline ? DateTimeOffset.MaxValue : since + phaseDeadline;
    }

    /// <summary>The device rollout of a device that said nothing in time.</summary>
    public static DeviceRollout Silence(DeviceRollout current, TimeSpan phaseDeadline, DateTimeOffset now) => current with
    {
        Status = DeviceRolloutStatus.Failed,
        Failure = DeploymentFailure.Silent,
        Detail = string.Create(CultureInfo.InvariantCulture, $"Nothing new since {current.PhaseSince:u} (phase "
            + $"{current.Phase.ToWords()}); the plan allows {phaseDeadline:c} a phase."),
        UpdatedAt = now,
    };

    private static DeviceRolloutStatus StatusOf(ReportedModel model) => model switch
    {
        { Phase: DeploymentPhase.RolledBack } or { Failure: not DeploymentFailure.None } => DeviceRolloutStatus.Failed,
        { Phase: DeploymentPhase.Active } => DeviceRolloutStatus.Succeeded,
        _ => DeviceRolloutStatus.Running,
    };
}
