using Fleet.Contracts.Devices;

namespace Fleet.Server.Devices;

/// <summary>
/// One enrolled agent installation as it is stored, under its id. Its desired and its reported state are documents of their own.
/// </summary>
internal sealed record Device
{
    public required DeviceId Id { get; init; }

    /// <summary>What it is, as it said last.</summary>
    public required DeviceFacts Facts { get; init; }

    /// <summary>The profile it is served, by <see cref="HardwareProfile.For"/>; null when none matches.</summary>
    public string? Profile { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>When it was enrolled.</summary>
    public required DateTimeOffset EnrolledAt { get; init; }

    /// <summary>The join token it came with.</summary>
    public required string Token { get; init; }

    /// <summary>When its certificate stopped being accepted; null while it is.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>True when its certificate is no longer accepted.</summary>
    public bool IsRevoked => RevokedAt is not null;

    /// <summary>True when <paramref name="filter"/> selects it.</summary>
    public bool IsSelectedBy(DeviceFilter filter) => filter.Selects(Id, Profile, Facts.Architecture, Labels);

    /// <summary>With what it said about itself, and the profile that follows from it.</summary>
    /// <param name="facts">What it said.</param>
    /// <param name="profiles">All profiles known here.</param>
    public Device With(DeviceFacts facts, IEnumerable<HardwareProfile> profiles)
        => this with { Facts = facts, Profile = HardwareProfile.For(facts, profiles)?.Name };
}
