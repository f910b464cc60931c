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
    /// And from earlier still where it lives long enough, by what this server's clock may be ahead before anybody notices: once that is
    /// corrected, what was issued meanwhile counts. At most a quarter of the term, since devices renew by the whole of it.
    /// </summary>
    private static readonly TimeSpan ClockAhead = TimeSpan.FromDays(30);

    /// <summary>A certificate for a device's key; name, use and lifetime are the server's to say.</summary>
    public IssuedCertificate IssueDevice(DeviceId device, PublicKey key, TimeSpan lifetime)
    {
        using var certificate = Issue(device.Value, key, ClientAuthentication, lifetime, []);
        return IssuedCertificate.Of(certificate);
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
        var (from, until) = TermFor(lifetime, now);
        var serial = DatedSerial.Create(now);
        // The generator: the key that is certified may be of another kind than the authority's. One key object is not made for several
        // threads at once.
        lock (_key)
            return request.Create(_certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), from, until, serial);
    }

    /// <summary>
    /// Within the authority's own term: a clock set back while the server runs is no reason for an exception in a handshake.
    /// </summary>
    private (DateTimeOffset From, DateTimeOffset Until) TermFor(TimeSpan lifetime, DateTimeOffset now)
    {
        var earlier = lifetime / 4 < ClockAhead ? lifetime / 4 : ClockAhead;
        var from = Later(now - (earlier > ClockSkew ? earlier : ClockSkew), _certificate.NotBefore);
        var until = now + lifetime > _certificate.NotAfter ? _certificate.NotAfter : now + lifetime;
        return (from, Later(until, from));
    }

    private static DateTimeOffset Later(DateTimeOffset left, DateTimeOffset right) => left > right ? left : right;
}
