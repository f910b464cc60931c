using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Client;

/// <summary>Where the server is and how this operator proves who it is.</summary>
/// <param name="Url">Base address.</param>
/// <param name="Key">API key; null sends none. Never printed.</param>
/// <param name="AuthorityFile">PEM of the CA that signed the server's certificate; null trusts what the system trusts.</param>
internal sealed record ServerAddress(Uri Url, string? Key, string? AuthorityFile)
{
    /// <summary>The server when nothing else is said: the one that runs on this machine.</summary>
    public const string DefaultUrl = "http://127.0.0.1:8080";

    /// <summary>Names the server.</summary>
    public const string UrlVariable = "FLEET_SERVER";

    /// <summary>Names the file that holds the API key.</summary>
    public const string KeyFileVariable = "FLEET_KEY_FILE";

    /// <summary>Holds the API key itself.</summary>
    public const string KeyVariable = "FLEET_API_KEY";

    /// <summary>Resolves what the command line leaves open from the environment, then from the defaults.</summary>
    public static ServerAddress Resolve(string? url, string? keyFile, string? authorityFile, Func<string, string?> environment)
    {
        url ??= environment(UrlVariable) is { Length: > 0 } fromEnvironment ? fromEnvironment : DefaultUrl;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https"))
            throw new FleetException($"'{url}' is not a server address: write http://HOST:PORT or https://HOST:PORT.")
            { Code = ExitCode.Usage };

        keyFile ??= environment(KeyFileVariable) is { Length: > 0 } named ? named : null;
        var key = keyFile is not null ? ReadKey(keyFile) : environment(KeyVariable)?.Trim();
        return new ServerAddress(parsed, key is { Length: > 0 } ? key : null, authorityFile);
    }

    /// <inheritdoc/>
    public override string ToString() => Url.GetLeftPart(UriPartial.Authority);

    /// <summary>
    /// The transport: with <see cref="AuthorityFile"/> only certificates of that CA are trusted, by the name in <see cref="Url"/>.
    /// </summary>
    public SocketsHttpHandler CreateHandler()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AllowAutoRedirect = false,
            // A proxy of the environment leads to others, never to this machine.
            UseProxy = !Url.IsLoopback,
        };
        if (AuthorityFile is null) return handler;
        X509Certificate2 authority;
        try { authority = X509Certificate2.CreateFromPem(File.ReadAllText(AuthorityFile)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FleetException($"The CA certificate {AuthorityFile} cannot be read as PEM: {e.Message}", e);
        }
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority);
        handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        return handler;
    }

    private static string ReadKey(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim() is { Length: > 0 and <= 512 } key && !key.Any(char.IsControl)
                ? key
                : throw new FleetException($"The key file {file} does not hold one line with an API key.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FleetException($"The key file {file} cannot be read: {e.Message} The server writes it to DATA/keys/operator.key, "
                + $"readable by its own user.", e);
        }
    }
}
