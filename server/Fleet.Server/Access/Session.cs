using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Server.Http;

namespace Fleet.Server.Access;

/// <summary>A person who is signed in to the pages, as it is stored under its id: the secret of the cookie only as a hash.</summary>
/// <param name="Hash">SHA-256 of the secret.</param>
/// <param name="CreatedAt">When the person signed in.</param>
/// <param name="ExpiresAt">When it ends.</param>
internal sealed record Session(string Hash, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt)
{
    /// <summary>
    /// How far a session may seem to come from the future: the clock that is corrected by less was right enough. One from later was opened
    /// while the clock was ahead, and would last for as long as that was.
    /// </summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(10);

    /// <summary>The API key it was opened with, which it lasts no longer than; null where a provider of identities vouched.</summary>
    public string? Key { get; set; }

    /// <summary>Who it is, where a provider vouched.</summary>
    public string Name { get; set; } = "";

    /// <summary>What the person may do, where a provider vouched.</summary>
    public IReadOnlyList<string> Roles { get; set; } = [];

    /// <summary>The devices the person is limited to, where a provider vouched.</summary>
    public string Filter { get; set; } = "";

    /// <summary>What the settings said of the provider that vouched (<see cref="AccessOptions.ProviderMark"/>).</summary>
    public string? Provider { get; set; }

    /// <summary>When it ends by itself: a lifetime that was shortened counts for it as well.</summary>
    public DateTimeOffset EndsAt(AccessOptions options)
        => CreatedAt + options.SessionLifetime is var end && end < ExpiresAt ? end : ExpiresAt;

    /// <summary>
    /// True when nobody is held by it any more, whatever became of its key: it has ended, or settings that gave its roles and devices have
    /// changed.
    /// </summary>
    public bool IsOver(DateTimeOffset now, AccessOptions options)
        => now >= EndsAt(options) || CreatedAt - now > ClockTolerance || (Key is null && Provider != options.ProviderMark());

    /// <summary>True when <paramref name="secret"/> is its cookie's.</summary>
    public bool IsProvedBy(string secret)
        => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(ApiKey.HashOf(secret)), Encoding.ASCII.GetBytes(Hash));

    /// <summary>Who it is, where a provider vouched.</summary>
    public Caller ToCaller() => new(
        Name, Roles, DeviceFilter.TryParse(Filter, out var filter, out var problem) ? filter : throw new InvalidDataException(problem));

    /// <summary>
    /// What a form must send back so that a change counts as meant by the person: only a page of this server can read it. It follows from
    /// the cookie's secret, so that nothing of it is stored.
    /// </summary>
    public static string CsrfTokenOf(string secret)
        => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.ASCII.GetBytes(secret), "csrf"u8));
}
