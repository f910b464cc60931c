using Fleet.Contracts.Releases;

namespace Fleet.Server.Keys;

/// <summary>
/// Every root there was, as the database knows them. Whatever becomes of the folder of keys, it says which fleet the devices belong to,
/// and no other is begun in its place.
/// </summary>
/// <param name="Roots">The roots, in order.</param>
internal sealed record KnownRoots(IReadOnlyList<DsseEnvelope> Roots)
{
    /// <summary>There is one such document.</summary>
    public const string Id = "all";
}
