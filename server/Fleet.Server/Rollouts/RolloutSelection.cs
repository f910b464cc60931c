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
    /// <param name="releases">What is rolled out, on each device together.</param>
    /// <param name="candidates">Devices the filter selects.</param>
    /// <param name="against">Why a device that could take them is left out all the same; null answers that it is not.</param>
    public static RolloutSelection Of(
        IReadOnlyList<ReleaseManifest> releases, IEnumerable<Candidate> candidates, Func<Candidate, string?>? against = null)
    {
        var judged = candidates.ToLookup(
            candidate => ReasonAgainst(releases, candidate) ?? against?.Invoke(candidate), candidate => candidate.Device.Id);
        return new RolloutSelection(
            WaveMembership.Order(string.Join('+', releases.Select(release => $"{release.Model}/{release.Version}")), judged[null]),
            [.. judged.Where(group => group.Key is not null).OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => ExclusionOf(group.Key!, [.. group]))]);
    }

    /// <summary>Why a device could only fail, in a sentence; it takes all of the releases or has no part in the rollout.</summary>
    public static string? ReasonAgainst(IReadOnlyList<ReleaseManifest> releases, Candidate candidate)
    {
        if (releases.Count == 1) return Suitability.ReasonAgainst(releases[0], candidate);
        foreach (var release in releases)
            if (Suitability.ReasonAgainst(release, candidate) is { } reason) return $"{release.Model} {release.Version}: {reason}";
        return Suitability.ReasonAgainstGroup([.. releases.Select(release => release.Model)], candidate);
    }

    /// <summary>Devices that are left out for one reason.</summary>
    public static RolloutExclusion ExclusionOf(string reason, IReadOnlyList<DeviceId> devices)
        => new(reason, devices.Count, [.. devices.OrderBy(id => id.Value, StringComparer.Ordinal).Take(Examples)]);
}
