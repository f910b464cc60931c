using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>A device that may be told of a release.</summary>
/// <param name="Device">The device.</param>
/// <param name="Desired">What it should run.</param>
/// <param name="Protocol">The protocol it said it speaks; null before it first reported.</param>
internal sealed record Candidate(Device Device, DeviceDesired Desired, int? Protocol);

/// <summary>Which devices a release can be told to at all. Pure.</summary>
internal static class Suitability
{
    /// <summary>
    /// Why a device could only fail the release, in a sentence; null when it may be told. A revoked device cannot connect, a device whose
    /// profile the release has no variant for would refuse it, and an agent of an older protocol would serve what it cannot judge.
    /// </summary>
    public static string? ReasonAgainst(ReleaseManifest release, Candidate candidate)
    {
        var device = candidate.Device;
        var needed = release.MinimumProtocol();
        if (device.IsRevoked) return "The device is revoked.";
        if (device.Profile is not { } profile) return "No hardware profile matches the device.";
        // A device of a special profile takes what the release has for a more general one that it matches as well.
        if (release.Variants.All(variant => variant.Profile != profile) && release.ProfileFor(device.Facts) is null)
            return $"The release has no variant for profile {profile}.";
        if (candidate.Desired.Of(release.Model) is null && candidate.Desired.Assignments.Count >= Limits.ModelsPerDevice)
            return $"The device runs {Limits.ModelsPerDevice} models already.";
        if (candidate.Protocol is null && needed > ProtocolVersion.Oldest)
            return $"The device has not reported yet, and the release needs protocol {needed}.";
        return candidate.Protocol < needed
            ? $"The device speaks protocol {candidate.Protocol}, and the release needs {needed}: its agent must be updated."
            : null;
    }

    /// <summary>
    /// Why a device cannot take releases of several models together; null when it can. An agent that does not know of groups would switch
    /// to one after the other.
    /// </summary>
    public static string? ReasonAgainstGroup(IReadOnlyCollection<string> models, Candidate candidate) => candidate.Protocol switch
    {
        null => $"The device has not reported yet, and several models together need protocol {ProtocolVersion.SignedOrders}.",
        < ProtocolVersion.SignedOrders => $"The device speaks protocol {candidate.Protocol}, and several models together need "
            + $"{ProtocolVersion.SignedOrders}: its agent must be updated.",
        _ => models.Count(model => candidate.Desired.Of(model) is null) + candidate.Desired.Assignments.Count > Limits.ModelsPerDevice
            ? $"The device would run more than {Limits.ModelsPerDevice} models."
            : null,
    };

    /// <summary>
    /// Why a device cannot take releases that it gets together, or the one that stands alone, within what an operator asked; null when it
    /// can.
    /// </summary>
    public static string? ReasonAgainst(
        IReadOnlyList<Release?> together, ReleaseLimits? limits, Candidate candidate, DateTimeOffset now)
    {
        foreach (var release in together)
            if (ReasonAgainst(release, candidate, now) is { } reason) return reason;
        return (together.Count > 1 ? ReasonAgainstGroup([.. together.Select(release => release!.Model)], candidate) : null)
            ?? limits?.ReasonAgainst(together.Select(release => release!.ReadManifest()), candidate);
    }

    /// <summary>Why a device could only fail a release, also when there is none, or it expired or was withdrawn.</summary>
    public static string? ReasonAgainst(Release? release, Candidate candidate, DateTimeOffset now) => release switch
    {
        null => "The release is not stored here.",
        { WithdrawnAt: { } withdrawn } => $"The release was withdrawn at {withdrawn:u}.",
        { ExpiresAt: var expiresAt } when expiresAt <= now => $"The release expired at {expiresAt:u}.",
        _ => ReasonAgainst(release.ReadManifest(), candidate),
    };

    /// <summary>What is known of a device, as it bears on what it can be told.</summary>
    public static async Task<Candidate> CandidateAsync(this IFleetStore store, Device device, CancellationToken cancellationToken)
    {
        var desired = await store.FindAsync<DeviceDesired>(device.Id.Value, cancellationToken);
        var reported = await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken);
        return new Candidate(device, desired?.Document ?? DeviceDesired.Nothing, reported?.Document.State.Protocol);
    }
}
