using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;

namespace Fleet.Server.Rollouts;

/// <summary>A device that a filter selected.</summary>
/// <param name="Device">The device.</param>
/// <param name="Models">Models it should run.</param>
/// <param name="Protocol">The protocol it said it speaks; null before it first reported.</param>
internal sealed record Target(Device Device, IReadOnlyList<string> Models, int? Protocol);

/// <summary>Which devices a rollout is for. Pure.</summary>
/// <param name="Members">Devices in the order they are told.</param>
/// <param name="Excluded">Devices the filter selected that are left out, by reason.</param>
internal sealed record RolloutSelection(IReadOnlyList<DeviceId> Members, IReadOnlyList<RolloutExclusion> Excluded)
{
    private const int Examples = 20;

    /// <summary>
    /// Selects. Devices that could only fail are left out and named, rather than told and counted: a revoked device cannot
    /// connect, a device whose profile the release has no variant for would refuse it, and an agent of an older protocol would
    /// serve what it cannot judge. None of them says anything about the release, which is what a failure rate is for.
    /// </summary>
    public static RolloutSelection Of(ReleaseManifest release, IEnumerable<Target> targets)
    {
        var profiles = release.Variants.Select(variant => variant.Profile).ToHashSet();
        var judged = targets.ToLookup(target => ReasonAgainst(release, profiles, target), target => target.Device.Id);
        return new RolloutSelection(
            WaveMembership.Order(release.Model, release.Version, judged[null]),
            [.. judged.Where(group => group.Key is not null).OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => new RolloutExclusion(
                group.Key!, group.Count(), [.. group.OrderBy(id => id.Value, StringComparer.Ordinal).Take(Examples)]))]);
    }

    private static string? ReasonAgainst(ReleaseManifest release, HashSet<string> profiles, Target target) => target switch
    {
        { Device.IsRevoked: true } => "The device is revoked.",
        { Device.Profile: null } => "No hardware profile matches the device.",
        // A device of a special profile takes what the release has for a more general one that it matches as well.
        { Device.Profile: { } profile } when !profiles.Contains(profile) && release.ProfileFor(target.Device.Facts) is null
            => $"The release has no variant for profile {profile}.",
        { Models: var models } when models.Count >= Limits.ModelsPerDevice && !models.Contains(release.Model)
            => $"The device runs {Limits.ModelsPerDevice} models already.",
        { Protocol: null } when release.MinimumProtocol() > ProtocolVersion.Oldest
            => $"The device has not reported yet, and the release needs protocol {release.MinimumProtocol()}.",
        { Protocol: { } protocol } when protocol < release.MinimumProtocol()
            => $"The device speaks protocol {protocol}, and the release needs {release.MinimumProtocol()}: its agent must be updated.",
        _ => null,
    };
}
