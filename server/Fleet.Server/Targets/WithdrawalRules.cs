using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;

namespace Fleet.Server.Targets;

/// <summary>What withdrawn releases mean for one device. Pure.</summary>
internal static class WithdrawalRules
{
    /// <summary>
    /// What the device was told, as it counts when its targets are asked: a release that it must let go of is nobody's word any more, a
    /// rollout's neither, and with it go those that it was told to switch to together.
    /// </summary>
    public static DeviceDesired Standing(DeviceDesired desired, IReadOnlyList<WithdrawnRelease> withdrawn)
    {
        var gone = desired.Assignments.Where(
            told => withdrawn.Any(release => !release.KeepServing && IsOf(release, told.Model, told.Version))).ToList();
        if (gone.Count == 0) return desired;
        var groups = gone.Select(told => told.Group).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return GroupRules.Without(desired with { Assignments = [.. desired.Assignments.Except(gone)] }, groups);
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
        // A device of an older protocol hears nothing of withdrawals.
        => reported is { Protocol: < ProtocolVersion.SignedOrders }
            ? []
            : [.. withdrawn.Where(release => before.Withdrawn?.Contains(release) != true && Bears(release, before, next, reported))];

    private static bool Bears(WithdrawnRelease release, DeviceDesired before, DeviceDesired next, ReportedState? reported)
        => IsOf(release, release.Model, before.Of(release.Model)?.Version) || IsOf(release, release.Model, next.Of(release.Model)?.Version)
            || (reported?.Models ?? []).Any(model => IsOf(release, model.Model, model.Version)
                || IsOf(release, model.Model, model.ActiveVersion) || IsOf(release, model.Model, model.PreviousVersion));

    private static bool IsOf(WithdrawnRelease release, string model, int? version) => release.Model == model && release.Version == version;
}
