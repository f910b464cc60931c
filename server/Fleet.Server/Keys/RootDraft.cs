using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Keys;

/// <summary>Roots as they are written before anybody signs them. Pure.</summary>
internal static class RootDraft
{
    /// <summary>
    /// How long a root lasts. Devices follow expired roots too, so this bounds only how long a device that nobody reaches takes orders:
    /// long enough for a fleet whose root key lies in a safe.
    /// </summary>
    public static readonly TimeSpan Validity = TimeSpan.FromDays(5 * 365);

    /// <summary>The first root of a fleet: one key for each role.</summary>
    public static TrustRoot First(ReleaseKey root, ReleaseKey releases, ReleaseKey orders, DateTimeOffset now) => new()
    {
        Fleet = RandomNumberGenerator.GetHexString(RootRules.FleetLength, lowercase: true),
        Version = 1,
        IssuedAt = now,
        ExpiresAt = now + Validity,
        OrderEpoch = 1,
        Keys = [root, releases, orders],
        Roles = new TrustRoles(Role([root], 1), Role([releases], 1), Role([orders], 1)),
    };

    /// <summary>The root after <paramref name="root"/>.</summary>
    /// <param name="root">The one that counts.</param>
    /// <param name="change">What an operator asks for.</param>
    /// <param name="releases">The new key of releases; null leaves it.</param>
    /// <param name="orders">The new key of orders; null leaves it.</param>
    /// <param name="rootKeys">The new keys of the root; null leaves them.</param>
    /// <param name="now">When it is made.</param>
    public static TrustRoot Next(
        TrustRoot root, RootChange change, ReleaseKey? releases, ReleaseKey? orders, IReadOnlyList<ReleaseKey>? rootKeys,
        DateTimeOffset now)
    {
        var ofRoot = rootKeys ?? root.RootKeys();
        IReadOnlyList<ReleaseKey> ofReleases = releases is null ? root.ReleaseKeys() : [releases];
        IReadOnlyList<ReleaseKey> ofOrders = orders is null ? root.OrderKeys() : [orders];
        var threshold = change.Threshold ?? (rootKeys is null ? root.Roles.Root.Threshold : 1);
        // A clock that was set back must not make a root that was issued before the one it follows.
        var issued = now > root.IssuedAt ? now : root.IssuedAt;
        return root with
        {
            Version = root.Version + 1,
            IssuedAt = issued,
            ExpiresAt = issued + Validity,
            OrderEpoch = root.OrderEpoch + (change.Compromised ? 1 : 0),
            Keys = [.. ofRoot, .. ofReleases, .. ofOrders],
            Roles = new TrustRoles(Role(ofRoot, threshold), Role(ofReleases, 1), Role(ofOrders, 1)),
        };
    }

    /// <summary>A root that nobody has signed yet.</summary>
    public static DsseEnvelope Unsigned(TrustRoot root) => new()
    {
        PayloadType = TrustRoot.PayloadType,
        Payload = JsonSerializer.SerializeToUtf8Bytes(root, FleetJson.Default.TrustRoot),
        Signatures = [],
    };

    private static TrustRole Role(IEnumerable<ReleaseKey> keys, int threshold) => new([.. keys.Select(key => key.Id)], threshold);
}
