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
        if (reported.Revision < current.Revision || current.Status == DeviceRolloutStatus.Left) return current;
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

    /// <summary>When the device has failed unless it finishes, by the deadlines of its phase and of its wave.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="current">The device rollout.</param>
    /// <param name="waveOpenedAt">When its wave opened.</param>
    /// <param name="listeningSince">Since when reports could have been heard.</param>
    public static DateTimeOffset? FailsAt(
        RolloutPlan plan, DeviceRollout current, DateTimeOffset? waveOpenedAt, DateTimeOffset listeningSince)
    {
        var silentAt = SilentAt(current, plan.DeadlineOf(current.Phase), listeningSince);
        if (silentAt is null || plan.WaveDeadline is not { } deadline) return silentAt;
        var closesAt = SilentAt(current.Status, waveOpenedAt ?? current.ToldAt, deadline, listeningSince);
        return closesAt < silentAt ? closesAt : silentAt;
    }

    /// <summary>The device rollout of a device that did not finish in time.</summary>
    public static DeviceRollout Late(RolloutPlan plan, DeviceRollout current, DateTimeOffset listeningSince, DateTimeOffset now)
    {
        var allowed = plan.DeadlineOf(current.Phase);
        return SilentAt(current, allowed, listeningSince) <= now ? Silence(current, allowed, now) : current with
        {
            Status = DeviceRolloutStatus.Failed,
            Failure = DeploymentFailure.Silent,
            Detail = string.Create(CultureInfo.InvariantCulture, $"Still in phase {current.Phase.ToWords()}; the plan allows "
                + $"{plan.WaveDeadline:c} a wave."),
            UpdatedAt = now,
        };
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

    /// <summary>The device rollout of a device that is asked once more.</summary>
    public static DeviceRollout Retry(DeviceRollout current, long revision, DateTimeOffset now) => current with
    {
        Status = DeviceRolloutStatus.Running,
        Phase = DeploymentPhase.Idle,
        Failure = DeploymentFailure.None,
        Detail = "",
        Variant = null,
        Measured = null,
        Revision = revision,
        ToldAt = now,
        PhaseSince = now,
        UpdatedAt = now,
    };

    /// <summary>The device rollout of a device that leaves without a verdict; the same instance when it has come to one.</summary>
    public static DeviceRollout Leave(DeviceRollout current, string reason, DateTimeOffset now)
        => current.Status != DeviceRolloutStatus.Running
            ? current
            : current with { Status = DeviceRolloutStatus.Left, Detail = reason, UpdatedAt = now };

    /// <summary>A device's way back after a report; the same instance when the report says nothing new of it.</summary>
    /// <param name="current">How far it was.</param>
    /// <param name="model">The model.</param>
    /// <param name="reported">The report.</param>
    /// <param name="desiredVersion">What the device should run by now.</param>
    public static DeviceReturn Returned(DeviceReturn current, string model, ReportedState reported, int? desiredVersion)
    {
        if (current.Status != DeviceReturnStatus.SentBack || reported.Revision < current.Revision) return current;
        if (desiredVersion != current.Version) return Superseded(current, desiredVersion);
        var said = reported.Models.FirstOrDefault(each => each.Model == model);
        if (said?.ActiveVersion == current.Version && (said is null || said.Version == (current.Version ?? said.Version)))
            return current with { Status = DeviceReturnStatus.Returned };
        return said is { Phase: DeploymentPhase.RolledBack } && said.Version == current.Version
            ? current with { Status = DeviceReturnStatus.NotReturned, Failure = said.Failure, Detail = said.Detail }
            : current;
    }

    /// <summary>A way back that something newer took the place of.</summary>
    public static DeviceReturn Superseded(DeviceReturn current, int? desiredVersion) => current with
    {
        Status = DeviceReturnStatus.Superseded,
        Detail = desiredVersion is { } version ? $"It was told release {version} since." : "Its model was taken out of service since.",
    };

    private static DeviceRolloutStatus StatusOf(ReportedModel model) => model switch
    {
        { Phase: DeploymentPhase.RolledBack } or { Failure: not DeploymentFailure.None } => DeviceRolloutStatus.Failed,
        { Phase: DeploymentPhase.Active } => DeviceRolloutStatus.Succeeded,
        _ => DeviceRolloutStatus.Running,
    };
}
