using Fleet.Contracts.Devices;
using Fleet.Contracts.State;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/devices: one device as the server knows it.</summary>
public sealed record DeviceView
{
    /// <summary>Its id.</summary>
    public required DeviceId Id { get; init; }
    /// <summary>The profile it is served; null when none matches.</summary>
    public string? Profile { get; init; }
    /// <summary>True when its facts do not match that profile: emulated, so that its latency is not the real hardware's.</summary>
    public bool ProfileEmulated { get; init; }
    /// <summary>What it is.</summary>
    public required DeviceFacts Facts { get; init; }
    /// <summary>Labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();
    /// <summary>Connected now.</summary>
    public bool Online { get; init; }
    /// <summary>True when its certificate is no longer accepted.</summary>
    public bool Revoked { get; init; }
    /// <summary>When it was enrolled.</summary>
    public DateTimeOffset EnrolledAt { get; init; }
    /// <summary>When it last said anything.</summary>
    public DateTimeOffset? LastSeenAt { get; init; }
    /// <summary>Desired revision, and the one it last answered.</summary>
    public long DesiredRevision { get; init; }
    /// <summary>The revision it last answered.</summary>
    public long ReportedRevision { get; init; }
    /// <summary>Its models.</summary>
    public IReadOnlyList<ReportedModel> Models { get; set; } = [];
}

/// <summary>PATCH /api/v1/devices/{id}/labels: labels to set; null removes.</summary>
public sealed record SetLabelsRequest(IReadOnlyDictionary<string, string?> Labels);
