using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>Which devices a rollout is for. Pure.</summary>
/// <param name="Members">Devices in the order they are told.</param>
/// <param name="Excluded">Devices the filter selected that are left out, by reason.</param>
internal sealed record RolloutSelection(IReadOnlyList<DeviceId> Members, IReadOnlyList<RolloutExclusion> Excluded)
{
    private const int Examples = 20;

    /// <summary>
    /// Selects. Devices that could only fail are left out and named, rather than told and counted: none of them says anything about the
    /// release, which is what a failure rate is for. So are devices for which somebody else decides.
    /// </summary>
    /// <param name="release">What is rolled out.</param>
    /// <param name="candidates">Devices the filter selects.</param>
    /// <param name="against">Why a device that could take the release is left out all the same; null answers that it is not.</param>
    public static RolloutSelection Of(
        ReleaseManifest release, IEnumerable<Candidate> candidates, Func<Candidate, string?>? against = null)
    {
        var judged = candidates.ToLookup(
            candidate => Suitability.ReasonAgainst(release, candidate) ?? against?.Invoke(candidate), candidate => candidate.Device.Id);
        return new RolloutSelection(
            WaveMembership.Order(release.Model, release.Version, judged[null]),
            [.. judged.Where(group => group.Key is not null).OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => ExclusionOf(group.Key!, [.. group]))]);
    }

    /// <summary>Devices that are left out for one reason.</summary>
    public static RolloutExclusion ExclusionOf(string reason, IReadOnlyList<DeviceId> devices)
        => new(reason, devices.Count, [.. devices.OrderBy(id => id.Value, StringComparer.Ordinal).Take(Examples)]);
}
