using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Where a device's certificate and the doubts about it come from: the room of enrollment, which this one must not know.</summary>
internal interface IDeviceIdentities
{
    /// <summary>The newest certificate, null when it is not recorded; and what is wrong with the identity, empty when nothing is.</summary>
    Task<(CertificateView? Certificate, IReadOnlyList<AlarmView> Alarms)> FindAsync(
        DeviceId device, CancellationToken cancellationToken);

    /// <summary>
    /// The change with which a device that is taken in has this certificate: what was issued to its name before counts no more, what was
    /// issued after does.
    /// </summary>
    Task<StoreChange> AdoptAsync(DeviceId device, IssuedCertificate certificate, CancellationToken cancellationToken);
}
