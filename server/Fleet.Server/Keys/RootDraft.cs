using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
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
        Roles = new TrustRoles(new TrustRole([root.Id], 1), new TrustRole([releases.Id], 1), new TrustRole([orders.Id], 1)),
    };

    /// <summary>A root that nobody has signed yet.</summary>
    public static DsseEnvelope Unsigned(TrustRoot root) => new()
    {
        PayloadType = TrustRoot.PayloadType,
        Payload = JsonSerializer.SerializeToUtf8Bytes(root, FleetJson.Default.TrustRoot),
        Signatures = [],
    };
}
