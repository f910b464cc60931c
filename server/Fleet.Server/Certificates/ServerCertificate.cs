using System.Collections.ObjectModel;
using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Fleet.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Fleet.Server.Certificates;

/// <summary>
/// The server's certificate, made anew at every start and well before it expires: it is only ever judged by the authority behind
/// it, so nothing is lost with the old one.
/// </summary>
internal sealed class ServerCertificate(CertificateAuthority authority, FleetOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);

    /// <summary>
    /// As long as an agent waits for its connection: a shorter one would end, on a busy machine, what the agent at the other end still
    /// waits for and then begins anew.
    /// </summary>
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(30);

    private readonly Lock _turn = new();
    private X509Certificate2? _certificate;
    private SslStreamCertificateContext? _context;
    private volatile string? _announced;

    /// <summary>
    /// The host that devices were told the server will have; null for none. It is named in the certificate too, so that a device which
    /// turns to it early, because it leads here already, finds the server that it knows.
    /// </summary>
    public string? Announced
    {
        get => _announced;
        set
        {
            lock (_turn)
            {
                _announced = value?.Trim('[', ']');
                _context = null;
            }
        }
    }

    /// <summary>The names in the certificate.</summary>
    public static IReadOnlyList<string> NamesOf(FleetOptions options)
        => [.. new[] { options.PublicHost, "localhost", "127.0.0.1", "::1" }.Distinct()];

    /// <summary>How connections of devices are secured.</summary>
    /// <param name="certificates">Whether a device must show a certificate; one that is shown is judged either way.</param>
    /// <param name="refused">Told where a connection came from that ends here, and the name in its certificate; null for none.</param>
    public TlsHandshakeCallbackOptions For(ClientCertificateMode certificates, Action<EndPoint?, string?> refused) => new()
    {
        HandshakeTimeout = HandshakeTimeout,
        OnConnection = handshake => ValueTask.FromResult(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Current(),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ClientCertificateRequired = certificates != ClientCertificateMode.NoCertificate,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = authority.HandshakePolicy(),
            RemoteCertificateValidationCallback = (_, shown, chain, errors) =>
            {
                var certificate = shown as X509Certificate2;
                var isLetIn = certificate is null
                    ? certificates != ClientCertificateMode.RequireCertificate
                    : errors == SslPolicyErrors.None && authority.IsDevice(certificate, chain!);
                if (!isLetIn)
                    refused(handshake.Connection.RemoteEndPoint, certificate?.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
                return isLetIn;
            },
        }),
    };

    /// <inheritdoc/>
    public void Dispose() => _certificate?.Dispose();

    private SslStreamCertificateContext Current()
    {
        lock (_turn)
        {
            var now = time.GetUtcNow().UtcDateTime;
            // Made by a clock that was ahead, it is not valid yet.
            if (_context is null || _certificate!.NotAfter.ToUniversalTime() - now < Lifetime / 3
                || _certificate.NotBefore.ToUniversalTime() > now)
            {
                // The one before may still be in use by a handshake: it is left to the garbage collector.
                _certificate = authority.IssueServer(options.PublicHost, Lifetime, AlternativeNames());
                _context = ContextOf(_certificate, new ReadOnlyCollection<X509Certificate2>([authority.Public]), null);
            }
            return _context;
        }
    }

    private SubjectAlternativeNameBuilder AlternativeNames()
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in NamesOf(options).Append(_announced).OfType<string>().Distinct())
        {
            if (IPAddress.TryParse(name, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(name);
        }
        return names;
    }

    /// <summary>
    /// A device that enrolls knows nothing but the fingerprint of the authority, so the authority's certificate must come with the
    /// handshake (TLS allows it, RFC 8446 section 4.4.2).
    /// <see cref="SslStreamCertificateContext.Create(X509Certificate2, X509Certificate2Collection?, bool)"/>
    /// always leaves the root out; this is the constructor behind it, and a test shows the whole chain arriving.
    /// </summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SslStreamCertificateContext ContextOf(
        X509Certificate2 target, ReadOnlyCollection<X509Certificate2> intermediates, SslCertificateTrust? trust);
}
