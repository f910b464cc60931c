using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Certificates;

/// <summary>
/// The server's own certificate authority (ECDSA P-256): it signs device certificates and the server's. Its key is in
/// <c>keys/ca.key</c>, readable by the server's user alone; its certificate in <c>ca.pem</c>. Losing the key means enrolling every
/// device again: back it up.
/// </summary>
internal sealed partial class CertificateAuthority : IDisposable
{
    /// <summary>Gives the authority a new certificate: an argument of the program.</summary>
    public const string BeginCommand = "begin-authority";

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private const int Years = 20;

    private readonly X509Certificate2 _certificate;
    private readonly ECDsa _key;
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, TimeProvider time)
    {
        (_certificate, _time) = (certificate, time);
        _key = certificate.GetECDsaPrivateKey()!;
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
    /// <exception cref="InvalidDataException">One of its two files is missing or broken: it is not replaced, devices trust the one that
    /// was there. Or it is not valid by this machine's clock.</exception>
    public static CertificateAuthority OpenOrCreate(string folder, TimeProvider time)
    {
        var (keyFile, certificateFile) = FilesIn(folder);
        if (!File.Exists(keyFile) && !File.Exists(certificateFile)) Create(keyFile, certificateFile, time);
        var certificate = Read(keyFile, certificateFile);
        if (AuthorityClock.ProblemOf(certificate, certificateFile, time.GetUtcNow()) is { } problem)
            throw new InvalidDataException(problem);
        return new CertificateAuthority(certificate, time);
    }

    /// <summary>True when <paramref name="certificate"/> was issued by this authority to a device and is valid now.</summary>
    public bool IsDevice(X509Certificate2 certificate) => IsDevice(certificate, X509VerificationFlags.NoFlag);

    /// <summary>The device a certificate names, when this authority issued it and it is valid now.</summary>
    public DeviceId? DeviceOf(X509Certificate2? certificate)
        => certificate is not null && IsDevice(certificate) ? NameOf(certificate) : null;

    /// <summary>The device a certificate names, when this authority issued it, also where its time has passed.</summary>
    public DeviceId? IssuedTo(X509Certificate2 certificate)
        => IsDevice(certificate, X509VerificationFlags.IgnoreNotTimeValid) ? NameOf(certificate) : null;

    private static DeviceId? NameOf(X509Certificate2 certificate)
        => DeviceId.TryParse(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false), out var device) ? device : null;

    private bool IsDevice(X509Certificate2 certificate, X509VerificationFlags flags)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Public);
        // Revocation is asked of the store, at every connect: no list to distribute.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationFlags = flags;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return chain.Build(certificate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _key.Dispose();
        _certificate.Dispose();
        Public.Dispose();
    }

    private static (string Key, string Certificate) FilesIn(string folder)
        => (Path.Combine(folder, "keys", "ca.key"), Path.Combine(folder, "ca.pem"));

    private static X509Certificate2 Read(string keyFile, string certificateFile)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        }
        // The key of another authority is an argument that does not fit.
        catch (Exception e) when (e is CryptographicException or IOException or ArgumentException)
        {
            throw new InvalidDataException($"The certificate authority in {certificateFile} and {keyFile} cannot be read ({e.Message}). "
                + $"Every device trusts the one that was there: restore both files from a backup.", e);
        }
    }
}
