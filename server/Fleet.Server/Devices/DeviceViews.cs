using Fleet.Contracts.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Devices as operators see them.</summary>
internal static class DeviceViews
{
    /// <summary>A device with what it should run, what it said last, and whether it is there.</summary>
    public static async Task<DeviceView> ViewOfAsync(
        this IFleetStore store, Device device, DeviceBoard board, KnownProfiles profiles, CancellationToken cancellationToken)
    {
        var (desired, _) = await store.DesiredAsync(device.Id, cancellationToken);
        var reported = await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken);
        return new DeviceView
        {
            Id = device.Id,
            Profile = device.Profile,
            ProfileEmulated = device.Profile is { } name && (await profiles.AllAsync(cancellationToken)).FirstOrDefault(
                profile => profile.Name == name)?.Matches(device.Facts) == false,
            Facts = device.Facts,
            Labels = device.Labels,
            Online = board.IsOnline(device.Id),
            Revoked = device.IsRevoked,
            EnrolledAt = device.EnrolledAt,
            LastSeenAt = await board.LastSeenAsync(device.Id, cancellationToken),
            DesiredRevision = desired.Revision,
            ReportedRevision = reported?.Document.State.Revision ?? 0,
            Models = reported?.Document.State.Models ?? [],
        };
    }
}
