using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Certificates;
using Fleet.Server.Hosting;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Settings;

namespace Fleet.Server.Enrollment;

/// <summary>Issues certificates and puts together what a device gets with one.</summary>
internal sealed class Issuer(
    CertificateAuthority authority, FleetKeys keys, SigningClock clock, ListenAddresses addresses, FleetOptions options, TimeProvider time)
{
    /// <summary>
    /// Why no certificate is issued now; null when one is. Dated by a clock that is wrong it would shut its device out for as long as the
    /// clock was off; devices ask again.
    /// </summary>
    public ApiProblem? Problem() => clock.Problem() is { } problem
        ? new ApiProblem($"No certificates are issued now. {problem}", StatusCodes.Status503ServiceUnavailable, [])
        : null;

    /// <summary>A new certificate for a key that a device has proved to hold.</summary>
    public IssuedCertificate Issue(DeviceId device, PublicKey key) => authority.IssueDevice(device, key, options.DeviceCertificateLifetime);

    /// <summary>
    /// What a device gets with its certificate; later, while the clock is wrong, also where the certificate was issued before: a device
    /// that enrolls takes the time of this answer for true, wherever it lies.
    /// </summary>
    /// <param name="certificate">The certificate.</param>
    /// <param name="roots">The roots that lead from the one it knows to the one in force; null where it asks for them later.</param>
    public Answer<EnrollResponse> AnswerWith(IssuedCertificate certificate, IReadOnlyList<DsseEnvelope>? roots = null)
        => Problem() is { } problem
            ? problem
            : new EnrollResponse(
                certificate.Pem, authority.Pem, keys.Root.ReleaseKeys(), addresses.Mqtt, time.GetUtcNow(), roots,
                clock.LatestAnchor);
}
