using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Http;

/// <summary>POST /api/v1/releases: signs the accepted variants of a build.</summary>
/// <param name="BuildId">The build.</param>
/// <param name="ValidFor">How long devices newly trust it; null for a year.</param>
public sealed record CreateReleaseRequest(string BuildId, TimeSpan? ValidFor = null);

/// <summary>POST /api/v1/releases/preview: what would be signed; nothing is.</summary>
/// <param name="Manifest">What would be signed now, or what was.</param>
/// <param name="IsReleased">True when the build is released already: nothing new would be signed.</param>
public sealed record ReleasePreview(ReleaseManifest Manifest, bool IsReleased);

/// <summary>GET /api/v1/releases: one release.</summary>
public sealed record ReleaseView
{
    /// <summary>The manifest that was signed.</summary>
    public required ReleaseManifest Manifest { get; init; }
    /// <summary>Key that signed it.</summary>
    public required string KeyId { get; init; }
    /// <summary>Devices it serves on now.</summary>
    public int ActiveDevices { get; init; }
    /// <summary>
    /// When an operator withdrew it: nothing rolls it out any more, and its build may be signed again. Null while it counts.
    /// </summary>
    public DateTimeOffset? WithdrawnAt { get; init; }
    /// <summary>Of a withdrawn release: devices that serve it may go on until another takes its place.</summary>
    public bool KeepServing { get; init; }
    /// <summary>Of a withdrawn release: devices on which it still serves, the first of them by id. Null while it counts.</summary>
    public IReadOnlyList<DeviceId>? StillServing { get; init; }
}
