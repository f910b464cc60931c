using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Http;

/// <summary>POST /api/v1/tokens: asks for a join token.</summary>
/// <param name="Uses">Devices it may enroll.</param>
/// <param name="ValidFor">How long it is valid.</param>
/// <param name="Labels">Labels every device enrolled with it gets.</param>
/// <param name="IdPattern">Ids it enrolls, where <c>*</c> stands for any characters; null for all.</param>
/// <param name="Approve">True when each device waits for an operator's approval.</param>
public sealed record CreateTokenRequest(
    int Uses, TimeSpan ValidFor, IReadOnlyDictionary<string, string>? Labels = null, string? IdPattern = null, bool Approve = false);

/// <summary>The answer: the only time the token itself is shown.</summary>
/// <param name="Id">Names it from now on.</param>
/// <param name="Token">The token.</param>
/// <param name="ExpiresAt">When it stops being valid.</param>
/// <param name="Server">Where a device shows it, as devices reach the server; null of a server before 0.2.</param>
public sealed record CreateTokenResponse(string Id, string Token, DateTimeOffset ExpiresAt, string? Server = null);

/// <summary>GET /api/v1/tokens: a token without its secret.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Uses">Devices it may enroll.</param>
/// <param name="Used">Devices it has enrolled, and those that wait for approval.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it stops being valid.</param>
/// <param name="Revoked">True when an operator withdrew it.</param>
/// <param name="Labels">Labels of every device enrolled with it.</param>
/// <param name="IdPattern">Ids it enrolls; null for all.</param>
/// <param name="Approve">True when each device waits for an operator's approval.</param>
/// <param name="Reenrolls">The one device that comes back with it; null for a token that enrolls new devices.</param>
public sealed record TokenView(
    string Id, int Uses, int Used, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, bool Revoked,
    IReadOnlyDictionary<string, string>? Labels = null, string? IdPattern = null, bool Approve = false, DeviceId? Reenrolls = null);

/// <summary>POST /enroll on the devices' port: a join token and a certificate signing request.</summary>
/// <param name="Token">The join token.</param>
/// <param name="DeviceId">Wanted id; the server refuses one that is taken.</param>
/// <param name="CertificateSigningRequest">PKCS#10, PEM. Only its public key is used.</param>
/// <param name="Facts">What the device is.</param>
public sealed record EnrollRequest(string Token, DeviceId DeviceId, string CertificateSigningRequest, DeviceFacts Facts);

/// <summary>The answer: what the device needs from now on.</summary>
/// <param name="Certificate">Its certificate, PEM.</param>
/// <param name="CertificateAuthority">The server's CA, PEM.</param>
/// <param name="ReleaseKeys">Keys that sign releases: what a device from before roots goes by.</param>
/// <param name="Mqtt">Host and port of the broker.</param>
/// <param name="ServerTime">The server's clock: the first trusted time.</param>
/// <param name="Roots">Roots of trust, the one that the join token names first; null of a server before them.</param>
/// <param name="TimeAnchor">How often an admin has vouched for that clock: orders from before do not set it back. Null means never.</param>
public sealed record EnrollResponse(
    string Certificate, string CertificateAuthority, IReadOnlyList<ReleaseKey> ReleaseKeys, string Mqtt, DateTimeOffset ServerTime,
    IReadOnlyList<DsseEnvelope>? Roots = null, long? TimeAnchor = null);

/// <summary>GET /self on the devices' port: who the server takes the caller for, and where its broker is now.</summary>
/// <param name="Device">The device.</param>
/// <param name="Serial">Serial number of the certificate it showed, which is accepted.</param>
/// <param name="Mqtt">Host and port of the broker.</param>
/// <param name="ServerTime">The server's clock.</param>
public sealed record SelfResponse(DeviceId Device, string Serial, string Mqtt, DateTimeOffset ServerTime);

/// <summary>POST /renew on the devices' port, with the certificate that is about to expire.</summary>
public sealed record RenewRequest(string CertificateSigningRequest);
