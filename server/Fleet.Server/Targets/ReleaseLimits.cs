using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Targets;

/// <summary>
/// What an operator asked of a release beside which one it is. It stays with the target, so that devices that appear after a rollout are
/// held to what its plan said. Pure.
/// </summary>
/// <param name="MaximumBytesPerDevice">A device that would have to fetch more is left out; null for no limit.</param>
/// <param name="Window">When devices may switch; null for at once.</param>
internal sealed record ReleaseLimits(long? MaximumBytesPerDevice, ActivationWindow? Window)
{
    /// <summary>
    /// Most bytes that a device would have to fetch: every variant of its profile, since it measures all that fit its memory, and the
    /// validation set. What it keeps already it does not fetch again.
    /// </summary>
    public static long BytesOf(IEnumerable<ReleaseManifest> releases, DeviceFacts facts)
        => releases.SelectMany(release => ArtifactsOf(release, facts)).DistinctBy(artifact => artifact.Sha256)
            .Sum(artifact => artifact.Bytes);

    /// <summary>Why a device that could take releases is left out; null when it is not.</summary>
    public string? ReasonAgainst(IEnumerable<ReleaseManifest> releases, Candidate candidate)
    {
        if (MaximumBytesPerDevice is { } most && BytesOf(releases, candidate.Device.Facts) is var bytes && bytes > most)
            return FormattableString.Invariant($"It would fetch up to {bytes:N0} bytes; the plan allows {most:N0} a device.");
        // An agent that does not know of windows would switch at once.
        return Window is not null && !(candidate.Protocol >= ProtocolVersion.SignedOrders)
            ? "Its agent does not know of windows, or has not reported yet, and would switch at once."
            : null;
    }

    private static IEnumerable<ArtifactReference> ArtifactsOf(ReleaseManifest release, DeviceFacts facts)
    {
        var profile = release.ProfileFor(facts);
        return release.Variants.Where(variant => variant.Profile == profile).Select(variant => variant.Artifact)
            .Prepend(release.ValidationSet);
    }
}
