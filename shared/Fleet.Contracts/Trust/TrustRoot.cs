using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>
/// Which keys count, and for what. A device holds one root and follows to the next when enough keys of both have signed it, so that
/// every key can be replaced, those of the root included. It travels as the payload of a <see cref="DsseEnvelope"/>.
/// </summary>
public sealed record TrustRoot
{
    /// <summary>Payload type of a root.</summary>
    public const string PayloadType = "application/vnd.fleet.root+json";

    /// <summary>Names the fleet whatever its server and its keys are: 32 lower-case hexadecimal digits.</summary>
    public required string Fleet { get; init; }

    /// <summary>From 1; a device follows one by one.</summary>
    public required int Version { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset IssuedAt { get; init; }

    /// <summary>After this moment a device that holds it takes nothing new, until it has followed to the next one.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>
    /// The epoch of orders, from 1. It is raised when the key of orders was stolen: whatever revision the thief has signed is behind.
    /// </summary>
    public required long OrderEpoch { get; init; }

    /// <summary>Every key that a role names.</summary>
    public required IReadOnlyList<ReleaseKey> Keys { get; init; }

    /// <summary>Who may do what.</summary>
    public required TrustRoles Roles { get; init; }

    /// <summary>The keys of a role.</summary>
    public IReadOnlyList<ReleaseKey> KeysOf(TrustRole role) => [.. Keys.Where(key => role.Keys.Contains(key.Id))];

    /// <summary>Keys trusted to sign releases.</summary>
    public IReadOnlyList<ReleaseKey> ReleaseKeys() => KeysOf(Roles.Releases);

    /// <summary>Keys trusted to sign orders.</summary>
    public IReadOnlyList<ReleaseKey> OrderKeys() => KeysOf(Roles.Orders);

    /// <summary>Keys trusted to sign the next root.</summary>
    public IReadOnlyList<ReleaseKey> RootKeys() => KeysOf(Roles.Root);
}

/// <summary>The roles of keys.</summary>
/// <param name="Root">Says which keys count; its keys need not be on the server.</param>
/// <param name="Releases">Signs releases.</param>
/// <param name="Orders">Signs orders to devices.</param>
public sealed record TrustRoles(TrustRole Root, TrustRole Releases, TrustRole Orders);

/// <summary>One role.</summary>
/// <param name="Keys">Ids of its keys.</param>
/// <param name="Threshold">How many of them must sign.</param>
public sealed record TrustRole(IReadOnlyList<string> Keys, int Threshold);
