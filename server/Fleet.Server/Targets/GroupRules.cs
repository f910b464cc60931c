using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;

namespace Fleet.Server.Targets;

/// <summary>
/// What becomes of releases that a device was told to switch to together, when one of them is not for it any more. Pure.
/// </summary>
internal static class GroupRules
{
    /// <summary>
    /// Groups that come apart with the next order: a pin, or another target than the one that told the device, decides for a member. A
    /// device that serves all of a group whose plan has ended is past that, and each of its models moves by itself.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="standing">What it was told, as it counts.</param>
    /// <param name="next">What it is about to be told.</param>
    /// <param name="pins">Its pins.</param>
    /// <param name="targets">All targets.</param>
    /// <param name="reported">What it said last; null for nothing.</param>
    public static IReadOnlySet<string> Apart(
        Device device, DeviceDesired standing, DeviceDesired next, IReadOnlyList<Pin> pins, IReadOnlyList<Target> targets,
        ReportedState? reported)
    {
        bool IsOtherwise(DesiredRelease told) => next.Of(told.Model)?.Version != told.Version
            && Convergence.Decide(device, told.Model, told, pins.FirstOrDefault(pin => pin.Model == told.Model), targets) is { } ruling
            && (ruling.IsPin || ruling.Target != told.By?.Target);
        return standing.Assignments.GroupBy(told => told.Group)
            .Where(group => group.Key is not null && group.Any(IsOtherwise)
                && (targets.Any(target => target.Moving == group.Key) || !group.All(told => Serves(reported, told))))
            .Select(group => group.Key!).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// What is told along with new releases of some models: the others of a group that these are of, unless the device serves all of it.
    /// Half of what it was to switch to together would be a pair that nobody ordered.
    /// </summary>
    /// <param name="told">What it was told last.</param>
    /// <param name="models">Models that are told something new.</param>
    /// <param name="reported">What it said last; null for nothing.</param>
    public static IReadOnlyList<DesiredRelease> Along(DeviceDesired told, IReadOnlyCollection<string> models, ReportedState? reported) =>
    [
        .. Unserved(told, reported).Where(group => group.Any(release => models.Contains(release.Model)))
            .SelectMany(group => group).Where(release => !models.Contains(release.Model)),
    ];

    /// <summary>
    /// What a device is about to be told, where some of a group that it does not serve whole is replaced: what takes its place is switched
    /// to together with the rest.
    /// </summary>
    /// <param name="standing">What it was told, as it counts.</param>
    /// <param name="next">What it is about to be told.</param>
    /// <param name="reported">What it said last; null for nothing.</param>
    public static DeviceDesired Joined(DeviceDesired standing, DeviceDesired next, ReportedState? reported)
    {
        foreach (var group in Unserved(standing, reported).ToList())
        {
            DesiredRelease[] members = [.. group.Select(told => next.Of(told.Model)).OfType<DesiredRelease>()];
            DesiredRelease[] changed = [.. members.Where(member => !group.Any(told => ReferenceEquals(told, member)))];
            if (changed.Length == 0 || members.Length < 2) continue;
            var name = changed.Select(member => member.Group).FirstOrDefault(name => name is not null) ?? group.Key;
            if (members.Any(member => member.Group != name)) next = next.With(members.Select(member => member with { Group = name }));
        }
        return next;
    }

    /// <summary>What the device was told, without releases of some groups: they are nobody's word any more.</summary>
    public static DeviceDesired Without(DeviceDesired desired, IReadOnlySet<string> groups) => desired with
    {
        Assignments = [.. desired.Assignments.Where(told => told.Group is not { } group || !groups.Contains(group))],
    };

    /// <summary>Releases that stay behind although their group came apart: nothing was decided for their models.</summary>
    /// <param name="before">What the device was told last.</param>
    /// <param name="standing">The same as it counts.</param>
    /// <param name="next">What it is about to be told.</param>
    /// <param name="withdrawn">Everything that was withdrawn: a device lets go of that by itself.</param>
    public static IEnumerable<DesiredRelease> LeftOver(
        DeviceDesired before, DeviceDesired standing, DeviceDesired next, IReadOnlyList<WithdrawnRelease> withdrawn)
        => before.Assignments.Where(told => standing.Of(told.Model) is null && ReferenceEquals(next.Of(told.Model), told)
            && !withdrawn.Any(release => release.Model == told.Model && release.Version == told.Version));

    /// <summary>What the device has of the model instead of a release that gives way: what it serves, or keeps to return to.</summary>
    public static IEnumerable<int> Former(DesiredRelease told, ReportedState? reported, IReadOnlyList<WithdrawnRelease> withdrawn)
    {
        var said = reported?.Models.FirstOrDefault(model => model.Model == told.Model);
        return ((int?[])[said?.ActiveVersion, said?.PreviousVersion]).OfType<int>().Where(version => version != told.Version
            && !withdrawn.Any(release => !release.KeepServing && release.Model == told.Model && release.Version == version));
    }

    /// <summary>Groups of several releases that the device was told of and does not serve whole.</summary>
    private static IEnumerable<IGrouping<string?, DesiredRelease>> Unserved(DeviceDesired told, ReportedState? reported)
        => told.Assignments.Where(release => release.Group is not null).GroupBy(release => release.Group)
            .Where(group => group.Count() > 1 && !group.All(release => Serves(reported, release)));

    private static bool Serves(ReportedState? reported, DesiredRelease told)
        => reported?.Models.Any(model => model.Model == told.Model && model.ActiveVersion == told.Version) == true;
}
