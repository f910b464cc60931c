using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Enrollment;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;

namespace Fleet.Server.Enrollment;

/// <summary>A join token as it is stored, under its id: limited in uses and time, its secret only as a hash.</summary>
internal sealed record StoredToken
{
    /// <summary>See <see cref="JoinToken.HashOf"/>.</summary>
    public required string SecretHash { get; init; }

    /// <summary>Devices it may enroll.</summary>
    public required int Uses { get; init; }

    /// <summary>Devices it has enrolled, and those that wait for approval.</summary>
    public int Used { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it stops being valid.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When an operator withdrew it.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Labels of every device enrolled with it.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Ids it enrolls, where <c>*</c> stands for any characters; null for all.</summary>
    public string? IdPattern { get; init; }

    /// <summary>True when an operator approves each device.</summary>
    public bool Approve { get; init; }

    /// <summary>
    /// The device that may take a new key with it, and keeps what it is and should run; null for a token that enrolls new devices.
    /// </summary>
    public DeviceId? Reenrolls { get; init; }

    /// <summary>
    /// When that device had been enrolled as the token was made: whoever holds its id later is another. Null in what earlier programs
    /// stored.
    /// </summary>
    public DateTimeOffset? ReenrollsFrom { get; init; }

    /// <summary>True when <paramref name="secret"/> is the token's.</summary>
    public bool IsProvedBy(string secret) => CryptographicOperations.FixedTimeEquals(
        Encoding.ASCII.GetBytes(JoinToken.HashOf(secret)), Encoding.ASCII.GetBytes(SecretHash));

    /// <summary>Why it enrolls nobody at <paramref name="now"/>; null when it does.</summary>
    public string? WhyNot(string id, DateTimeOffset now) => this switch
    {
        { RevokedAt: not null } => $"Join token {id} was withdrawn.",
        _ when now >= ExpiresAt => $"Join token {id} expired at {ExpiresAt:u}.",
        _ when Used >= Uses => $"Join token {id} is used up: it enrolled {Used} of {Uses} devices.",
        _ => null,
    };

    /// <summary>Why it does not enroll that device; null when it does.</summary>
    public string? WhyNotFor(string id, DeviceId device) => this switch
    {
        { Reenrolls: { } bound } when bound != device => $"Join token {id} is for device {bound} alone.",
        { IdPattern: { } pattern } when !IdPatterns.Matches(pattern, device.Value) => $"Join token {id} is for devices named '{pattern}'.",
        _ => null,
    };

    /// <summary>Why the device that it lets back is not this one; null when it is, or when the token is for new devices.</summary>
    public string? WhyNotBack(string id, Device? device)
    {
        if (Reenrolls is not { } bound) return null;
        if (device is null) return $"Join token {id} lets device {bound} back, which is not enrolled here any more.";
        var isThat = ReenrollsFrom is { } from
            ? from == device.EnrolledAt
            : device.EnrolledAt <= CreatedAt && !(device.RevokedAt > CreatedAt);
        return isThat ? null : $"Join token {id} was made for device {bound} before it was removed or revoked: it lets nobody back.";
    }

    /// <summary>What operators see.</summary>
    public TokenView ToView(string id)
        => new(id, Uses, Used, CreatedAt, ExpiresAt, RevokedAt is not null, Labels, IdPattern, Approve, Reenrolls);
}
