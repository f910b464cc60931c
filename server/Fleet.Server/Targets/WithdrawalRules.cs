using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;

namespace Fleet.Server.Targets;

/// <summary>What withdrawn releases mean for one device. Pure.</summary>
internal static class WithdrawalRules
{
    /// <summary>Orders are signed since this protocol; a device of an older one hears nothing of withdrawals.</summary>
    private const int OrdersSince = 2;

    /// <summary>
    /// What the device was told of a model, as it counts when its targets are asked: a release that it must let go of is nobody's word any
    /// more, a rollout's neither, and with it go those that it was told to switch to together.
    /// </summary>
    public static DesiredRelease? Standing(DeviceDesired desired, string model, IReadOnlyList<WithdrawnRelease> withdrawn)
    {
        if (desired.Of(model) is not { } told) return null;
        var together = desired.Assignments.Where(each => each == told || (told.Group is not null && each.Group == told.Group));
        return together.Any(each => withdrawn.Any(release => !release.KeepServing && IsOf(release, each.Model, each.Version)))
            ? null
            : told;
    }

    /// <summary>
    /// Withdrawals that the device must hear of under a revision of their own: it was told to run the release, serves it, or keeps it to
    /// return to. Once for each, so that a device that goes on all the same is not told for ever.
    /// </summary>
    /// <param name="before">What it was told last.</param>
    /// <param name="next">What it is about to be told.</param>
    /// <param name="reported">What it said last; null for nothing.</param>
    /// <param name="withdrawn">Everything that was withdrawn.</param>
    public static IReadOnlyList<WithdrawnRelease> Untold(
        DeviceDesired before, DeviceDesired next, ReportedState? reported, IReadOnlyList<WithdrawnRelease> withdrawn)
        => reported is { Protocol: < OrdersSince }
            ? []
            : [.. withdrawn.Where(release => before.Withdrawn?.Contains(release) != true && Bears(release, before, next, reported))];

    private static bool Bears(WithdrawnRelease release, DeviceDesired before, DeviceDesired next, ReportedState? reported)
        => IsOf(release, release.Model, before.Of(release.Model)?.Version) || IsOf(release, release.Model, next.Of(release.Model)?.Version)
            || (reported?.Models ?? []).Any(model => IsOf(release, model.Model, model.Version)
                || IsOf(release, model.Model, model.ActiveVersion) || IsOf(release, model.Model, model.PreviousVersion));

    private static bool IsOf(WithdrawnRelease release, string model, int? version) => release.Model == model && release.Version == version;
}
