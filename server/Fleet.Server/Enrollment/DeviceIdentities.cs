using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>A device's certificate, and why its identity is in doubt, for people.</summary>
internal sealed class DeviceIdentities(IFleetStore store) : IDeviceIdentities
{
    /// <inheritdoc/>
    public async Task<(CertificateView? Certificate, IReadOnlyList<AlarmView> Alarms)> FindAsync(
        DeviceId device, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken) is not { Document: var known }) return (null, []);
        var certificate = known.Current is { } current
            ? new CertificateView(
                current.Serial, current.ValidFrom, current.ValidUntil, known.FirstUsedAt, known.Revoked is [] ? null : known.Revoked)
            : null;
        return (certificate, AlarmsOf(known));
    }

    private static List<AlarmView> AlarmsOf(DeviceCertificate known)
    {
        var alarms = new List<AlarmView>();
        if (known.ReplacedShown is { } replaced)
            alarms.Add(new AlarmView(
                "replacedCertificate", $"The replaced certificate {replaced.Serial} is still in use somewhere: somebody may hold a copy.",
                replaced.At));
        if (known.ClonedAt is { } at)
            alarms.Add(new AlarmView(
                "clone", "Two sessions with this identity take turns: its data folder was copied, or somebody holds its key.", at));
        return alarms;
    }
}
