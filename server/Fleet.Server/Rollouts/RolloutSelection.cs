using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Rollouts;

/// <summary>A device as a selection sees it.</summary>
internal sealed record Target(DeviceId Id, string? Profile, string Architecture, IReadOnlyDictionary<string, string> Labels, bool Revoked);

/// <summary>Which devices a rollout is for. Pure.</summary>
/// <param name="Members">Devices in the order they are told.</param>
/// <param name="Excluded">Devices the filter selected that are left out, by reason.</param>
internal sealed record RolloutSelection(IReadOnlyList<DeviceId> Members, IReadOnlyList<RolloutExclusion> Excluded)
{
    private const int Examples = 20;

    /// <summary>
    /// Selects. Devices that could only fail are left out and named, rather than told and counted: a revoked device cannot
    /// connect, and a device whose profile the release has no variant for would refuse it. Neither says anything about the
    /// release, which is what a failure rate is for.
    /// </summary>
    public static RolloutSelection Of(ReleaseManifest release, DeviceFilter filter, IEnumerable<Target> devices)
    {
        var profiles = release.Variants.Select(variant => variant.Profile).ToHashSet();
        var judged = devices
            .Where(device => filter.Selects(device.Id, device.Profile, device.Architecture, device.Labels))
            .Select(device => (device.Id, Against: ReasonAgainst(device, profiles)))
            .ToLookup(pair => pair.Against, pair => pair.Id);
        return new RolloutSelection(
            WaveMembership.Order(release.Model, release.Version, judged[null]),
            [.. judged.Where(group => group.Key is not null).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => new RolloutExclusion(
                group.Key!, group.Count(), [.. group.OrderBy(id => id.Value, StringComparer.Ordinal).Take(Examples)]))]);
    }

    private static string? ReasonAgainst(Target device, HashSet<string> profiles) => device switch
    {
        { Revoked: true } => "The device is revoked.",
        { Profile: null } => "No hardware profile matches the device.",
        { Profile: { } profile } when !profiles.Contains(profile) => $"The release has no variant for profile {profile}.",
        _ => null,
    };
}
