using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Access;

/// <summary>An API key as it is stored, under its id: the key itself is not.</summary>
/// <param name="Hash">SHA-256 of the secret. A plain hash is enough: 256 random bits cannot be guessed from it.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record ApiKey(string Hash, DateTimeOffset CreatedAt)
{
    private const string Prefix = "fleetkey";

    /// <summary>Whose it is: a person or a program. One name may have several keys, such as an old and a new one.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it may do; see <see cref="Http.Roles"/>. Nothing, of keys stored before there were several.</summary>
    public IReadOnlyList<string> Roles { get; set; } = [];

    /// <summary>The devices it is limited to; empty for all.</summary>
    public string Filter { get; set; } = "";

    /// <summary>When it stops being accepted; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>When an admin withdrew it.</summary>
    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>When it was last used, to a few minutes.</summary>
    public DateTimeOffset? LastUsedAt { get; set; }

    /// <summary>True of a header that sends a key, or nothing that could be anything else.</summary>
    public static bool IsShapedLike(string header) => header.Length == 0 || header.Contains(Prefix + '.', StringComparison.Ordinal);

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

    /// <summary>Why it is not accepted at <paramref name="now"/>; null when it is.</summary>
    public string? WhyNot(DateTimeOffset now) => this switch
    {
        { RevokedAt: not null } => $"The API key of '{Name}' was revoked.",
        { ExpiresAt: { } end } when now >= end => $"The API key of '{Name}' expired at {end:u}.",
        _ => null,
    };

    /// <summary>Who proves itself with it.</summary>
    public Caller ToCaller() => new(
        Name, Roles, DeviceFilter.TryParse(Filter, out var filter, out var problem) ? filter : throw new InvalidDataException(problem));

    /// <summary>What admins see.</summary>
    public ApiKeyView ToView(string id) => new(id, Name, Roles, CreatedAt)
    {
        Filter = Filter,
        ExpiresAt = ExpiresAt,
        Revoked = RevokedAt is not null,
        LastUsedAt = LastUsedAt,
    };

    /// <summary>
    /// True when <paramref name="secret"/> is this key's, found out in a time that does not depend on how much of it is right.
    /// </summary>
    public bool IsProvedBy(string secret)
        => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(HashOf(secret)), Encoding.ASCII.GetBytes(Hash));
}
