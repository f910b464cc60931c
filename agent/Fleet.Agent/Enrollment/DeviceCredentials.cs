using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Fleet.Agent.Disk;
using Fleet.Agent.Network;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;

namespace Fleet.Agent.Enrollment;

/// <summary>The identity in use. A renewal swaps it; open connections keep the certificate they were made with.</summary>
internal sealed class DeviceCredentials(DataFolder folder, Identity identity, TrustedTime trusted, Proxies? proxies = null)
{
    private readonly Lock _lock = new();
    private volatile Loaded _loaded = new(identity);

    /// <summary>The addresses in use are the other way round than on disk.</summary>
    private volatile bool _turned;

    /// <summary>Which way connections to the server take.</summary>
    public Proxies Proxies { get; } = proxies ?? Proxies.Of(folder);

    /// <summary>What time it is.</summary>
    public TrustedTime Time { get; } = trusted;

    /// <summary>Judges the server of a connection.</summary>
    public RemoteCertificateValidationCallback IsServer => ServerTrust.Judging(_loaded.Authority, Time);

    /// <summary>The identity in use.</summary>
    public Identity Identity => _loaded.Identity;

    /// <summary>The device's certificate with its key.</summary>
    public X509Certificate2 Certificate => _loaded.Certificate;

    /// <summary>The server's CA.</summary>
    public X509Certificate2 Authority => _loaded.Authority;

    /// <summary>The root this device trusts; null until a server showed one.</summary>
    public TrustRoot? Root => _loaded.Root;

    /// <summary>SHA-256 of that root's payload, in hexadecimal; null when there is none.</summary>
    public string? RootDigest => _loaded.Identity.Root?.Digest();

    /// <summary>Changes the identity, stores it and uses it from now on.</summary>
    public void Change(Func<Identity, Identity> change)
    {
        lock (_lock)
        {
            var loaded = new Loaded(change(_loaded.Identity));
            IdentityFile.Write(folder, loaded.Identity);
            (_loaded, _turned) = (loaded, false);
        }
    }

    /// <summary>
    /// The server did not answer: the other address that is known is used from now on. Nothing is written until it answers.
    /// </summary>
    public void TryOther()
    {
        lock (_lock)
        {
            if (Identity.Next is null) return;
            _loaded = new Loaded(Identity.Turned());
            _turned = !_turned;
        }
    }

    /// <summary>The server answered at the address in use, which is the one to begin with from now on.</summary>
    public void Arrived()
    {
        if (_turned) Change(identity => identity);
    }

    /// <summary>Follows roots as far as they lead, and trusts the keys of the last one.</summary>
    /// <returns>Why one of them is not trusted; null when none was refused.</returns>
    public RootVerdict? Follow(IReadOnlyList<DsseEnvelope> roots)
    {
        if (roots.Count == 0) return null;
        lock (_lock)
        {
            // A device from before roots begins with one that a key it trusts for releases has signed.
            var begun = Root is { } held ? new RootVerdict(held, RootFault.None, "") : RootChain.Adopt(roots[0], Identity.ReleaseKeys);
            if (begun.Root is null) return begun;
            var walk = RootChain.Walk(begun.Root, roots.Take(Limits.RootsPerMessage));
            if ((walk.Newest ?? (Root is null ? roots[0] : null)) is { } newest)
                Change(identity => identity with { Root = newest, ReleaseKeys = walk.Root.ReleaseKeys() });
            return walk.Refused;
        }
    }

    /// <summary>A client for the server's port for devices. It shows this device's certificate and trusts only our server.</summary>
    public HttpClient OpenHttp()
    {
        var loaded = _loaded;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            Proxy = Proxies,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = ServerTrust.Judging(loaded.Authority, Time),
                ClientCertificateContext = SslStreamCertificateContext.Create(loaded.Certificate, null, offline: true),
            },
        };
        return new HttpClient(handler)
        {
            BaseAddress = loaded.Identity.Server,
            Timeout = Timeout.InfiniteTimeSpan,
            // Artifacts are streamed; of everything else no server fills the memory of a device.
            MaxResponseContentBufferSize = Limits.EnrollmentAnswerBytes,
        };
    }

    private sealed record Loaded(Identity Identity)
    {
        public X509Certificate2 Certificate { get; } = X509Certificate2.CreateFromPem(Identity.Certificate, Identity.PrivateKey);

        public X509Certificate2 Authority { get; } = X509Certificate2.CreateFromPem(Identity.CertificateAuthority);

        public TrustRoot? Root { get; } = Identity.Root is { } root ? RootChain.Peek(root, out _) : null;
    }
}
