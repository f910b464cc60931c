using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Platform;

namespace Fleet.Server.Certificates;

/// <summary>
/// The server's own certificate authority (ECDSA P-256): it signs device certificates and the server's. Its key is in
/// <c>keys/ca.key</c>, readable by the server's user alone; its certificate in <c>ca.pem</c>. Losing the key means enrolling every
/// device again: back it up.
/// </summary>
internal sealed class CertificateAuthority : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const int Years = 20;

    /// <summary>A certificate is valid from a little earlier: clocks differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, TimeProvider time)
    {
        (_certificate, _time) = (certificate, time);
        Public = X509CertificateLoader.LoadCertificate(certificate.RawData);
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));
        Pem = certificate.ExportCertificatePem();
    }

    /// <summary>The certificate without its key.</summary>
    public X509Certificate2 Public { get; }

    /// <summary>SHA-256 of the certificate, lower-case hexadecimal: what join tokens carry.</summary>
    public string Fingerprint { get; }

    /// <summary>The certificate for devices.</summary>
    public string Pem { get; }

    /// <summary>Reads the authority of a data folder, or makes one there.</summary>
    /// <exception cref="InvalidDataException">One of its two files is missing or broken. It is not replaced: devices trust the one
    /// that was there.</exception>
    public static CertificateAuthority OpenOrCreate(string folder, TimeProvider time)
    {
        var (keyFile, certificateFile) = (Path.Combine(folder, "keys", "ca.key"), Path.Combine(folder, "ca.pem"));
        if (!File.Exists(keyFile) && !File.Exists(certificateFile)) Create(keyFile, certificateFile, time);
        try
        {
            return new CertificateAuthority(X509Certificate2.CreateFromPemFile(certificateFile, keyFile), time);
        }
        catch (Exception e) when (e is CryptographicException or IOException)
        {
            throw new InvalidDataException($"The certificate authority in {certificateFile} and {keyFile} cannot be read ({e.Message}). "
                + $"Every device trusts the one that was there: restore both files from a backup.", e);
        }
    }

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

    /// <summary>True when <paramref name="certificate"/> was issued by this authority to a device and is valid now.</summary>
    public bool IsDevice(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Public);
        // Revocation is asked of the store, at every connect: no list to distribute.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return chain.Build(certificate);
    }

    /// <summary>The device a certificate names, when this authority issued it and it is valid now.</summary>
    public DeviceId? DeviceOf(X509Certificate2? certificate)
        => certificate is not null && DeviceId.TryParse(
            certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false), out var device) && IsDevice(certificate)
            ? device
            : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _certificate.Dispose();
        Public.Dispose();
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

    private static void Create(string keyFile, string certificateFile, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName("CN=Fleet CA"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = time.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now - ClockSkew, now.AddYears(Years));
        Directory.CreateDirectory(Path.GetDirectoryName(keyFile)!);
        // The key first: a certificate without one would look like a loss.
        DurableFile.Write(keyFile, Encoding.UTF8.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        DurableFile.Write(certificateFile, Encoding.UTF8.GetBytes(certificate.ExportCertificatePem() + "\n"));
    }
}
