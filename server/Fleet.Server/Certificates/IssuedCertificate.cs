using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Serialization;

namespace Fleet.Server.Certificates;

/// <summary>What is known of a certificate that this authority issued; none of it is secret.</summary>
/// <param name="Serial">Its serial number, upper-case hexadecimal, as OpenSSL prints it.</param>
/// <param name="KeyHash">See <see cref="KeyHashOf"/>.</param>
/// <param name="ValidFrom">When it begins to be valid.</param>
/// <param name="ValidUntil">When it ends.</param>
/// <param name="Pem">The certificate.</param>
internal sealed record IssuedCertificate(string Serial, string KeyHash, DateTimeOffset ValidFrom, DateTimeOffset ValidUntil, string Pem)
{
    /// <summary>When it was issued; to a few minutes, by which it was dated back, of one that an earlier program issued.</summary>
    [JsonIgnore]
    public DateTimeOffset IssuedAt => DatedSerial.TimeOf(Serial) ?? ValidFrom;

    /// <summary>The same of a certificate that was shown.</summary>
    public static IssuedCertificate Of(X509Certificate2 certificate) => new(
        certificate.SerialNumber, KeyHashOf(certificate.PublicKey), certificate.NotBefore.ToUniversalTime(),
        certificate.NotAfter.ToUniversalTime(), certificate.ExportCertificatePem());

    /// <summary>SHA-256 of the public key with its algorithm (SubjectPublicKeyInfo), lower-case hexadecimal.</summary>
    public static string KeyHashOf(PublicKey key) => Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
}
