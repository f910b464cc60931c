using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Certificates;

/// <summary>The part that issues certificates.</summary>
internal sealed partial class CertificateAuthority
{
    /// <summary>A certificate is valid from a little earlier: clocks differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A certificate for a device. Of what it asked for only the public key is taken; name and use are the server's to say.
    /// </summary>
    /// <exception cref="CryptographicException">The request is broken, or not signed by the key it carries.</exception>
    public string IssueDevice(DeviceId device, string certificateSigningRequest, TimeSpan lifetime)
    {
        var asked = CertificateRequest.LoadSigningRequestPem(certificateSigningRequest, HashAlgorithmName.SHA256);
        using var certificate = Issue(device.Value, asked.PublicKey, ClientAuthentication, lifetime, []);
        return certificate.ExportCertificatePem();
    }

    /// <summary>A certificate with its key for this server, under those names.</summary>
    public X509Certificate2 IssueServer(string name, TimeSpan lifetime, SubjectAlternativeNameBuilder names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Issue(name, new PublicKey(key), ServerAuthentication, lifetime, [names.Build()]);
        return certificate.CopyWithPrivateKey(key);
    }

    private X509Certificate2 Issue(string name, PublicKey key, string use, TimeSpan lifetime, IEnumerable<X509Extension> more)
    {
        var request = new CertificateRequest(new X500DistinguishedName($"CN={name}"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
        foreach (var extension in more) request.CertificateExtensions.Add(extension);

        var now = _time.GetUtcNow();
        var end = now + lifetime;
        if (end > _certificate.NotAfter) end = _certificate.NotAfter;
        // RFC 5280: a positive number of at most 20 bytes; 16 of chance cannot meet again.
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f;
        // One key object is not made for several threads at once.
        lock (_certificate) return request.Create(_certificate, now - ClockSkew, end, serial);
    }
}
