using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>Exchanges a device's certificate for a new one, which ends the old one once it is used.</summary>
internal sealed partial class Renewal(
    IFleetStore store, Issuer issuer, DeviceKeys keys, TimeProvider time, ILogger<Renewal> logger)
{
    /// <summary>A new certificate for a device that shows the one it has.</summary>
    /// <param name="device">The device.</param>
    /// <param name="certificate">The certificate of its connection, which was accepted.</param>
    /// <param name="request">The request for the new one.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<Answer<EnrollResponse>> RenewAsync(
        DeviceId device, X509Certificate2 certificate, SigningRequest request, CancellationToken cancellationToken)
        => store.RetryAsync(_ => TryAsync(device, IssuedCertificate.Of(certificate), request, cancellationToken), cancellationToken);

    private async Task<Answer<EnrollResponse>> TryAsync(
        DeviceId device, IssuedCertificate shown, SigningRequest request, CancellationToken cancellationToken)
    {
        // It was let in, and may have been removed before the last of its request came.
        if (await store.DeviceAsync(device, cancellationToken) is null) return Refusal.Forbidden($"Device {device} is not enrolled here.");
        var stored = await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken);
        var standing = CertificateRules.Judge(stored?.Document, shown, time.GetUtcNow());
        if (!CertificateRules.MayRenew(standing, stored?.Document))
            return Refusal.Forbidden($"Device {device} has a newer certificate than {shown.Serial}: only that one is renewed.");
        // The answer to this very request was lost: the same key gets the same certificate.
        if (standing == CertificateStanding.Previous && stored!.Document.Current is { } current && current.KeyHash == request.KeyHash)
            return issuer.AnswerWith(current);

        if (issuer.Problem() is { } problem) return problem;
        var issued = issuer.Issue(device, request.Key);
        await store.CommitAsync(
            [
                stored is null
                    ? StoreChange.Create(device.Value, DeviceCertificate.Unrecorded(time.GetUtcNow()).Renewed(issued, shown.Serial))
                    : stored.Change(stored.Document.Renewed(issued, shown.Serial)),
            ],
            cancellationToken);
        keys.Renewed(device, issued.Pem);
        LogRenewed(device, shown.Serial, issued.Serial);
        return issuer.AnswerWith(issued);
    }

    [LoggerMessage(LogLevel.Information, "The certificate of device {Device} is renewed: {Before} becomes {Serial}")]
    private partial void LogRenewed(DeviceId device, string before, string serial);
}
