using System.Runtime.CompilerServices;
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

    /// <summary>
    /// Certificates of connections whose chain was built: building it again costs as much as the signatures of a handshake. Only what
    /// never changes is remembered, which is that this authority issued it to a device.
    /// </summary>
    private readonly ConditionalWeakTable<X509Certificate2, object> _issued = [];

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
    public bool IsDevice(X509Certificate2 certificate)
        => IsIssued(certificate) && IsTimely(certificate, _time.GetUtcNow().UtcDateTime);

    /// <summary>The same as <see cref="IsDevice(X509Certificate2)"/>, of a handshake that has built the chain already.</summary>
    /// <param name="certificate">What the device showed.</param>
    /// <param name="chain">Its chain, built by <see cref="HandshakePolicy"/> without an error.</param>
    public bool IsDevice(X509Certificate2 certificate, X509Chain chain)
    {
        // The authority signs devices itself: what came between them is not its own.
        if (chain.ChainElements is [_, var root] && root.Certificate.RawDataMemory.Span.SequenceEqual(Public.RawDataMemory.Span))
            _issued.AddOrUpdate(certificate, this);
        return IsDevice(certificate);
    }

    /// <summary>The device a certificate names, when this authority issued it and it is valid now.</summary>
    public DeviceId? DeviceOf(X509Certificate2? certificate)
        => certificate is not null && IsDevice(certificate) ? NameOf(certificate) : null;

    /// <summary>The device a certificate names, when this authority issued it, also where its time has passed.</summary>
    public DeviceId? IssuedTo(X509Certificate2 certificate)
        => IsIssued(certificate) ? NameOf(certificate) : null;

    private static DeviceId? NameOf(X509Certificate2 certificate)
        => DeviceId.TryParse(certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false), out var device) ? device : null;

    private bool IsIssued(X509Certificate2 certificate)
    {
        if (_issued.TryGetValue(certificate, out _)) return true;
        using var chain = new X509Chain { ChainPolicy = HandshakePolicy() };
        if (!chain.Build(certificate)) return false;
        _issued.AddOrUpdate(certificate, this);
        return true;
    }

    private bool IsTimely(X509Certificate2 certificate, DateTime now)
        => IsWithin(certificate, now) && IsWithin(Public, now);

    private static bool IsWithin(X509Certificate2 certificate, DateTime now)
        => certificate.NotBefore.ToUniversalTime() <= now && now <= certificate.NotAfter.ToUniversalTime();

    /// <summary>
    /// How a handshake judges a device's certificate: by this authority alone, so that the certificates that the machine trusts are not
    /// read for it, and at any time, since <see cref="DeviceOf"/> judges the time.
    /// </summary>
    public X509ChainPolicy HandshakePolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            // Revocation is asked of the store, at every connect: no list to distribute.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid,
            VerificationTime = _time.GetUtcNow().UtcDateTime,
        };
        policy.CustomTrustStore.Add(Public);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return policy;
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
