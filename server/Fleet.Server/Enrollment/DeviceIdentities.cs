using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>A device's certificate, and why its identity is in doubt, for people.</summary>
internal sealed class DeviceIdentities(IFleetStore store, TimeProvider time) : IDeviceIdentities
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
        return (certificate, AlarmsOf(device, known));
    }

    /// <inheritdoc/>
    public Task<StoreChange> AdoptAsync(DeviceId device, IssuedCertificate certificate, CancellationToken cancellationToken)
        => store.RecordAsync(device, certificate, DeviceCertificate.Unrecorded(time.GetUtcNow()), cancellationToken);

    private static string FromOf(DeviceCertificate known)
        => known.ClonedFrom.Count == 0 ? "" : $", from {string.Join(", ", known.ClonedFrom)}";

    private static List<AlarmView> AlarmsOf(DeviceId device, DeviceCertificate known)
    {
        var alarms = new List<AlarmView>();
        if (known.ReplacedShown is { } replaced)
            alarms.Add(new AlarmView(
                "replacedCertificate", $"The replaced certificate {replaced.Serial} is still in use somewhere: somebody may hold a copy.",
                replaced.At));
        if (known.ClonedAt is { } at)
            alarms.Add(new AlarmView(
                "clone", $"Two sessions with this identity take turns{FromOf(known)}: its data folder was copied, or somebody holds its "
                    + $"key. 'fleet devices reenroll {device}' ends every key but the new one.", at));
        return alarms;
    }
}
