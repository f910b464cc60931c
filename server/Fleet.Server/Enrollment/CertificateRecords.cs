using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>Which certificate of a device counts, written down.</summary>
internal static class CertificateRecords
{
    /// <summary>
    /// The change that makes a certificate the only one that counts under a device's id, whatever is recorded there: its predecessors' are
    /// among what was replaced.
    /// </summary>
    /// <param name="store">The store.</param>
    /// <param name="device">The device.</param>
    /// <param name="newest">The certificate.</param>
    /// <param name="unrecorded">What a record begins with where there is none.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<StoreChange> RecordAsync(
        this IFleetStore store, DeviceId device, IssuedCertificate newest, DeviceCertificate unrecorded,
        CancellationToken cancellationToken)
        => await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken) is { } known
            ? known.Change(known.Document.Reenrolled(newest))
            : StoreChange.Create(device.Value, unrecorded.Reenrolled(newest));
}
