using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>The key of a role as it was found.</summary>
/// <param name="Key">The key; null when it is not here or not to be used now.</param>
/// <param name="Place">Where it was looked for.</param>
/// <param name="Trouble">Why it cannot be used now; null when it can, or is not here.</param>
internal sealed record FoundKey(SigningKey? Key, IKeyPlace Place, string? Trouble)
{
    /// <summary>The key that a role names.</summary>
    public static FoundKey In(IKeyPlace place, TrustRole role)
    {
        try
        {
            return new FoundKey(place.Open(role), place, null);
        }
        catch (KeyUnavailableException e)
        {
            return new FoundKey(null, place, e.Message);
        }
    }

    /// <summary>Why nothing is signed with it, in a sentence; null when it signs.</summary>
    /// <param name="role">The role, as <c>fleet keys rotate</c> calls it.</param>
    public string? Problem(string role) => Key is not null
        ? Key.Problem()
        : Trouble ?? $"{Place.Name} is missing, or is not the key that the newest root names: no {role} can be signed. Restore it from a "
            + $"backup, or replace it: fleet keys rotate {role}";

    /// <summary>Signs a payload; null when the key cannot.</summary>
    public DsseEnvelope? Sign(string payloadType, byte[] payload)
        => Sign(new DsseEnvelope { PayloadType = payloadType, Payload = payload, Signatures = [] });

    /// <summary>Signs what others may have signed before; null when the key cannot.</summary>
    public DsseEnvelope? Sign(DsseEnvelope envelope)
    {
        try
        {
            return Key?.Sign(envelope);
        }
        catch (KeyUnavailableException)
        {
            // Whoever is told why nothing was signed asks for the problem.
            return null;
        }
    }
}
