using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fleet.Agent.Disk;

namespace Fleet.Agent.Enrollment;

/// <summary>The identity in use. A renewal swaps it; open connections keep the certificate they were made with.</summary>
internal sealed class DeviceCredentials(DataFolder folder, Identity identity)
{
    private volatile Loaded _loaded = new(identity);

    /// <summary>The identity in use.</summary>
    public Identity Identity => _loaded.Identity;

    /// <summary>The device's certificate with its key.</summary>
    public X509Certificate2 Certificate => _loaded.Certificate;

    /// <summary>The server's CA.</summary>
    public X509Certificate2 Authority => _loaded.Authority;

    /// <summary>Stores a renewed identity and uses it from now on.</summary>
    public void Replace(Identity renewed)
    {
        var loaded = new Loaded(renewed);
        IdentityFile.Write(folder, renewed);
        _loaded = loaded;
    }

    /// <summary>A client for the server's port for devices. It shows this device's certificate and trusts only our server.</summary>
    public HttpClient OpenHttp()
    {
        var loaded = _loaded;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = ServerTrust.PolicyFor(loaded.Authority),
                ClientCertificateContext = SslStreamCertificateContext.Create(loaded.Certificate, null, offline: true),
            },
        };
        return new HttpClient(handler) { BaseAddress = loaded.Identity.Server, Timeout = Timeout.InfiniteTimeSpan };
    }

    private sealed record Loaded(Identity Identity)
    {
        public X509Certificate2 Certificate { get; } = X509Certificate2.CreateFromPem(Identity.Certificate, Identity.PrivateKey);

        public X509Certificate2 Authority { get; } = X509Certificate2.CreateFromPem(Identity.CertificateAuthority);
    }
}
