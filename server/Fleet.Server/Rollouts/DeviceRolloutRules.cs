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
        var before = current.Models;
        ModelRollout[] models = [.. before.Select(model => Answer(model, reported))];
        if (models.Zip(before, ReferenceEquals).All(same => same)) return current;

        var status = StatusOf(models);
        // One that waits to be told once more has failed already; only that it serves after all is news.
        if (current.Status == DeviceRolloutStatus.Waiting && status != DeviceRolloutStatus.Succeeded) return current;
        if (status == DeviceRolloutStatus.Running && current.Status != DeviceRolloutStatus.Running) return current;
        var telling = Telling(models, status);
        var moved = models.Zip(before).Any(pair => pair.First.Phase != pair.Second.Phase);
        return current with
        {
            Models = models,
            Status = status,
            Phase = telling.Phase,
            Failure = telling.Failure,
            Detail = models.Length > 1 && telling.Detail is { Length: > 0 } detail
                ? Limits.Detail($"{telling.Model} {telling.Version}: {detail}")
                : telling.Detail ?? "",
            PhaseSince = moved ? now : current.PhaseSince,
            UpdatedAt = now,
        };
    }

    private static ModelRollout Answer(ModelRollout current, ReportedState reported)
    {
        if (reported.Models.FirstOrDefault(model => model.Model == current.Model) is not { } said || said.Version != current.Version)
            return current;
        var answered = current with
        {
            Phase = said.Phase,
            Failure = said.Failure,
            Detail = said.Detail.Length > 0 ? said.Detail : null,
            Variant = said.Variant,
            Measured = said.Measured,
        };
        return answered == current ? current : answered;
    }

    /// <summary>The model that says how the device stands: the one that failed by itself, or the one that is furthest on its way.</summary>
    private static ModelRollout Telling(ModelRollout[] models, DeviceRolloutStatus status) => status switch
    {
        DeviceRolloutStatus.Failed => models.Where(HasFailed).OrderBy(model => model.Failure == DeploymentFailure.GroupFailed).First(),
        DeviceRolloutStatus.Running => models.Where(model => model.Phase != DeploymentPhase.Active).MaxBy(model => model.Phase)!,
        _ => models[0],
    };

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
    /// <param name="listeningSince">Since when reports could have been heard.</param>
    /// <remarks>A wave's deadline counts from when the device was told: budgets may tell it long after the wave opened.</remarks>
    public static DateTimeOffset? FailsAt(RolloutPlan plan, DeviceRollout current, DateTimeOffset listeningSince)
    {
        var silentAt = SilentAt(current, plan.DeadlineOf(current.Phase), listeningSince);
        if (silentAt is null || plan.WaveDeadline is not { } deadline) return silentAt;
        var closesAt = SilentAt(current.Status, current.ToldAt, deadline, listeningSince);
        return closesAt < silentAt ? closesAt : silentAt;
    }

    /// <summary>
    /// The device rollout by a clock that was set back: what one that was ahead wrote down counts from when this one is listened by. The
    /// same instance where nothing lies ahead.
    /// </summary>
    public static DeviceRollout ByClock(DeviceRollout current, DateTimeOffset now, DateTimeOffset listeningSince)
    {
        bool IsAhead(DateTimeOffset time) => time - now > RolloutRules.ClockTolerance;
        return !IsAhead(current.PhaseSince) && !IsAhead(current.ToldAt) ? current : current with
        {
            PhaseSince = IsAhead(current.PhaseSince) ? listeningSince : current.PhaseSince,
            ToldAt = IsAhead(current.ToldAt) ? listeningSince : current.ToldAt,
        };
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
        Models =
        [
            .. current.Models.Select(model => model with
            {
                Phase = DeploymentPhase.Idle,
                Failure = DeploymentFailure.None,
                Detail = null,
                Variant = null,
                Measured = null,
            }),
        ],
        Revision = revision,
        ToldAt = now,
        PhaseSince = now,
        UpdatedAt = now,
    };

    /// <summary>The device rollout of a device that failed and is to be asked once more.</summary>
    public static DeviceRollout Await(DeviceRollout current, DateTimeOffset now)
        => current with { Status = DeviceRolloutStatus.Waiting, UpdatedAt = now };

    /// <summary>The device rollout of a device that is not asked once more after all; the same instance when it was not to be.</summary>
    public static DeviceRollout AwaitNoMore(DeviceRollout current, string? reason, DateTimeOffset now)
        => current.Status != DeviceRolloutStatus.Waiting
            ? current
            : current with { Status = DeviceRolloutStatus.Failed, Detail = reason ?? current.Detail, UpdatedAt = now };

    /// <summary>The device rollout of a device that leaves without a verdict; the same instance when it has come to one.</summary>
    public static DeviceRollout Leave(DeviceRollout current, string reason, DateTimeOffset now)
        => current.Status is not (DeviceRolloutStatus.Running or DeviceRolloutStatus.Waiting)
            ? current
            : current with { Status = DeviceRolloutStatus.Left, Detail = reason, UpdatedAt = now };

    /// <summary>
    /// The way back of a device after a report; the same instance when the report says nothing new of it. It is back when all its models
    /// are, and could not return when one could not.
    /// </summary>
    /// <param name="part">How far it was.</param>
    /// <param name="reported">The report.</param>
    /// <param name="desiredVersion">What the device should run by now of a model.</param>
    public static DeviceReturn Returned(DeviceRollout part, ReportedState reported, Func<string, int?> desiredVersion)
    {
        var current = part.Return!;
        if (part.Models.Count == 1) return Returned(current, part.Models[0].Model, reported, desiredVersion(part.Models[0].Model));
        if (current.Status != DeviceReturnStatus.SentBack) return current;
        var ways = part.Models.Where(model => model.IsReturning).Select(model => (model.Model, Way: Returned(
            current with { Version = model.ReturnsTo }, model.Model, reported, desiredVersion(model.Model)))).ToList();
        foreach (var end in (DeviceReturnStatus[])[DeviceReturnStatus.Superseded, DeviceReturnStatus.NotReturned])
            if (ways.Find(each => each.Way.Status == end) is { Way: { } way, Model: var model })
                return way with { Version = null, Detail = $"{model}: {way.Detail}" };
        return ways.TrueForAll(each => each.Way.Status == DeviceReturnStatus.Returned)
            ? current with { Status = DeviceReturnStatus.Returned }
            : current;
    }

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

    /// <summary>It has finished when all its models serve, and failed when any has.</summary>
    private static DeviceRolloutStatus StatusOf(ModelRollout[] models)
    {
        if (models.Any(HasFailed)) return DeviceRolloutStatus.Failed;
        return models.All(model => model.Phase == DeploymentPhase.Active) ? DeviceRolloutStatus.Succeeded : DeviceRolloutStatus.Running;
    }

    private static bool HasFailed(ModelRollout model)
        => model is { Phase: DeploymentPhase.RolledBack } or { Failure: not DeploymentFailure.None };
}
