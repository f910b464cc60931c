using Fleet.Contracts.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Devices as operators see them.</summary>
internal sealed class DeviceViews(
    IFleetStore store, DeviceBoard board, KnownProfiles profiles, IDeviceIdentities identities, DeviceTraffic traffic)
{
    /// <summary>A device with what it should run, what it said last, whether it is there, and how it proves who it is.</summary>
    public async Task<DeviceView> OfAsync(Device device, CancellationToken cancellationToken)
    {
        var (desired, _) = await store.DesiredAsync(device.Id, cancellationToken);
        var reported = await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken);
        var imported = (await store.FindAsync<ImportedReport>(device.Id.Value, cancellationToken))?.Document;
        var (certificate, alarms) = await identities.FindAsync(device.Id, cancellationToken);
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
            Trust = reported?.Document.State.Trust,
            Models = reported?.Document.State.Models ?? [],
            Certificate = certificate,
            Alarms = alarms,
            Traffic = traffic.ViewOf(device.Id),
            Report = imported is null ? null : new CarriedReportView(imported.Number, imported.WrittenAt, imported.ImportedAt),
        };
    }
}
