using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;

namespace Fleet.Server.Devices;

/// <summary>Where a device's certificate and the doubts about it come from: the room of enrollment, which this one must not know.</summary>
internal interface IDeviceIdentities
{
    /// <summary>The newest certificate, null when it is not recorded; and what is wrong with the identity, empty when nothing is.</summary>
    Task<(CertificateView? Certificate, IReadOnlyList<AlarmView> Alarms)> FindAsync(
        DeviceId device, CancellationToken cancellationToken);
}
