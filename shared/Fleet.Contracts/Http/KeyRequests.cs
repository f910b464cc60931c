using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/keys: whose keys count.</summary>
/// <param name="Root">The newest root.</param>
/// <param name="Digest">SHA-256 of its payload: what join tokens name.</param>
/// <param name="OnServer">Ids of the keys that the server signs with.</param>
/// <param name="Time">What time it is by the server's clock.</param>
/// <param name="TimeAnchor">How often an admin has vouched for that clock.</param>
public sealed record KeysView(
    TrustRoot Root, string Digest, IReadOnlyList<string> OnServer, DateTimeOffset Time, long TimeAnchor)
{
    /// <summary>Those of them whose private half is in a security module (PKCS#11) that the server uses.</summary>
    public IReadOnlyList<string> InModule { get; set; } = [];

    /// <summary>Why releases or orders are not signed now, a sentence each.</summary>
    public IReadOnlyList<string> Problems { get; set; } = [];
}

/// <summary>POST /api/v1/keys/changes: asks for the next root. Nothing counts before it is applied.</summary>
public sealed record RootChange
{
    /// <summary>Makes a new key for releases.</summary>
    public bool Releases { get; init; }

    /// <summary>Makes a new key for orders.</summary>
    public bool Orders { get; init; }

    /// <summary>Makes a new root key on the server, in place of all root keys there are.</summary>
    public bool Root { get; init; }

    /// <summary>Root keys that are kept elsewhere, in place of all root keys there are; null leaves them.</summary>
    public IReadOnlyList<ReleaseKey>? RootKeys { get; init; }

    /// <summary>How many root keys must sign the root after it; null leaves it, or 1 where the keys change.</summary>
    public int? Threshold { get; init; }

    /// <summary>A key was stolen: the epoch of orders is raised, so that whatever the thief has ordered is behind.</summary>
    public bool Compromised { get; init; }
}
