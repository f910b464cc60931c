using Fleet.Contracts.Devices;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/server: where the server is, and where it goes.</summary>
/// <param name="Here">Where devices reach it.</param>
/// <param name="Next">The address it has announced to them; null when it stays.</param>
/// <param name="AnnouncedAt">When.</param>
/// <param name="Told">Devices that were there since, and were told.</param>
/// <param name="Waiting">Devices that were not.</param>
/// <param name="WaitingDevices">The first of them.</param>
public sealed record ServerView(
    ServerAddresses Here, ServerAddresses? Next = null, DateTimeOffset? AnnouncedAt = null, int Told = 0, int Waiting = 0,
    IReadOnlyList<DeviceId>? WaitingDevices = null);
