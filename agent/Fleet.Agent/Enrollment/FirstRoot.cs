using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Agent.Enrollment;

/// <summary>Whose keys a device trusts when it joins.</summary>
internal static class FirstRoot
{
    /// <summary>
    /// The root that the answer leads to, from the one that the token names. A token from before there were roots names none: the device
    /// trusts the first it is shown, as it trusted the release keys until then.
    /// </summary>
    /// <exception cref="EnrollmentException">The roots are not those of the token, or do not follow each other.</exception>
    public static (DsseEnvelope? Root, IReadOnlyList<ReleaseKey> ReleaseKeys) Of(EnrollResponse answer, JoinToken token)
    {
        if (answer.Roots is not { Count: > 0 } roots)
            return token.Root is null ? (null, answer.ReleaseKeys) : throw Refused("The server showed no root; the join token names one.");
        var begin = RootChain.First(roots[0], token.Root);
        if (begin.Root is null) throw Refused(begin.Reason);
        var walk = RootChain.Walk(begin.Root, roots.Skip(1));
        return walk.Refused is { } refused ? throw Refused(refused.Reason) : (walk.Newest ?? roots[0], walk.Root.ReleaseKeys());
    }

    private static EnrollmentException Refused(string reason)
        => new($"{reason} Ask for a new token; if that is refused too, this is not the fleet's own server.", EnrollmentFailure.Refused);
}
