using System.Security.Cryptography;
using System.Text;

namespace Fleet.Server.Access;

/// <summary>What a key may do.</summary>
internal static class Roles
{
    /// <summary>Everything.</summary>
    public const string Operator = "operator";

    /// <summary>Leases builds and uploads what comes out.</summary>
    public const string Worker = "worker";

    /// <summary>A device, known by its certificate; never a key.</summary>
    public const string Device = "device";
}

/// <summary>An API key as it is stored, under its id: the key itself is not.</summary>
/// <param name="Role">What it may do.</param>
/// <param name="Hash">SHA-256 of the secret. A plain hash is enough: 256 random bits cannot be guessed from it.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record ApiKey(string Role, string Hash, DateTimeOffset CreatedAt)
{
    private const string Prefix = "fleetkey";

    /// <summary>The text of a new key.</summary>
    public static string NewText(string id) => $"{Prefix}.{id}.{RandomNumberGenerator.GetHexString(64, lowercase: true)}";

    /// <summary>The id and the secret of a key's text.</summary>
    public static bool TryParse(string? text, out string id, out string secret)
    {
        (id, secret) = text?.Trim().Split('.') is [Prefix, { Length: > 0 and <= 64 } found, { Length: 64 } proof]
            ? (found, proof)
            : ("", "");
        return id.Length > 0;
    }

    /// <summary>What is stored of a secret.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(secret)));

    /// <summary>
    /// True when <paramref name="secret"/> is this key's, found out in a time that does not depend on how much of it is right.
    /// </summary>
    public bool IsProvedBy(string secret)
        => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(HashOf(secret)), Encoding.ASCII.GetBytes(Hash));
}
