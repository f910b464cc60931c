using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Says which certificates let a device in, the same over MQTT and HTTPS, and writes down what follows: that a new one is in use, and
/// that a replaced one was shown.
/// </summary>
internal sealed partial class DeviceGate(
    IFleetStore store, StrangerDevices strangers, TimeProvider time, ILogger<DeviceGate> logger) : IDeviceGate
{
    /// <summary>How often an alarm is written down while somebody keeps knocking.</summary>
    private static readonly TimeSpan AlarmInterval = TimeSpan.FromHours(1);

    /// <inheritdoc/>
    public async Task<string?> WhyRefusedAsync(DeviceId device, X509Certificate2 certificate, CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(device, cancellationToken) is not { Document: var stored })
        {
            // One that was decommissioned is known: nobody should take it in for one that a backup lost.
            if ((await store.FindAsync<DeviceDesired>(device.Value, cancellationToken))?.Document.EndedAt is null)
                strangers.Knocked(device, IssuedCertificate.Of(certificate));
            return $"device {device} is not enrolled here";
        }
        if (stored.IsRevoked) return $"the certificate of device {device} is revoked";
        var shown = IssuedCertificate.Of(certificate);
        var known = await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken);
        var standing = CertificateRules.Judge(known?.Document, shown, time.GetUtcNow());
        if (known is not null) await NoteAsync(device, known, shown, standing, cancellationToken);
        return standing switch
        {
            CertificateStanding.Revoked => $"certificate {shown.Serial} of device {device} is revoked",
            CertificateStanding.Replaced => $"certificate {shown.Serial} of device {device} was replaced by a newer one",
            _ => null,
        };
    }

    private async Task NoteAsync(
        DeviceId device, Stored<DeviceCertificate> known, IssuedCertificate shown, CertificateStanding standing,
        CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (Noted(known.Document, shown, standing, now) is not { } noted) return;
        try
        {
            await store.CommitAsync([known.Change(noted)], cancellationToken);
            if (standing == CertificateStanding.Replaced) LogReplacedShown(device, shown.Serial);
            if (standing == CertificateStanding.Newer) LogCaught(device, shown.Serial);
        }
        // Whoever came in between has noted something; the next request notes the rest. A store that cannot write shuts nobody out.
        catch (StoreException e)
        {
            LogNotNoted(device, e.Message);
        }
    }

    private static DeviceCertificate? Noted(
        DeviceCertificate known, IssuedCertificate shown, CertificateStanding standing, DateTimeOffset now)
    {
        var isTold = known.ReplacedShown is { } before && before.Serial == shown.Serial && (now - before.At).Duration() < AlarmInterval;
        return standing switch
        {
            CertificateStanding.Current when known.FirstUsedAt is null => known with { FirstUsedAt = now },
            CertificateStanding.Newer => known.Caught(shown, now),
            CertificateStanding.Replaced when !isTold => known with { ReplacedShown = new ReplacedShown(shown.Serial, now) },
            _ => null,
        };
    }

    [LoggerMessage(LogLevel.Warning, "A certificate of device {Device} that was replaced is still in use somewhere (serial {Serial}): "
        + "somebody may hold a copy of its identity")]
    private partial void LogReplacedShown(DeviceId device, string serial);

    [LoggerMessage(LogLevel.Information, "Device {Device} shows a certificate from after this server's records (serial {Serial}); it is "
        + "the device's own from now on")]
    private partial void LogCaught(DeviceId device, string serial);

    [LoggerMessage(LogLevel.Debug, "What device {Device} showed is not noted: {Reason}")]
    private partial void LogNotNoted(DeviceId device, string reason);
}
