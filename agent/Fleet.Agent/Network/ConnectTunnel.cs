using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Fleet.Agent.Network;

/// <summary>
/// Opens a TCP connection, through an HTTP proxy where there is one (CONNECT, RFC 9110 section 9.3.6). What goes through it afterwards is
/// TLS between this device and its server: the proxy sees neither.
/// </summary>
internal sealed class ConnectTunnel(IWebProxy proxies)
{
    private const int MostHeaderBytes = 16 * 1024;

    /// <summary>Connects to a host and port.</summary>
    /// <exception cref="IOException">The proxy refused; the message holds its answer.</exception>
    public async Task<Stream> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        // The scheme decides which variable of the environment counts: HTTPS_PROXY.
        var destination = new UriBuilder(Uri.UriSchemeHttps, host, port).Uri;
        if (proxies.GetProxy(destination) is not { } proxy) return await OpenAsync(host, port, cancellationToken);
        var stream = await OpenAsync(proxy.DnsSafeHost, proxy.Port, cancellationToken);
        try
        {
            if (proxy.Scheme == Uri.UriSchemeHttps)
            {
                var secure = new SslStream(stream);
                stream = secure;
                await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = proxy.Host }, cancellationToken);
            }
            await stream.WriteAsync(RequestFor(destination, proxy), cancellationToken);
            var status = await ReadStatusAsync(stream, cancellationToken);
            if (status.Split(' ') is not [var version, ['2', _, _], ..] || !version.StartsWith("HTTP/1.", StringComparison.Ordinal))
                throw new IOException($"The proxy {proxy.Host}:{proxy.Port} opens no way to {host}:{port}: {status}");
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private static async Task<Stream> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private byte[] RequestFor(Uri destination, Uri proxy)
    {
        var authority = $"{destination.Host}:{destination.Port}";
        var request = $"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n";
        if (proxies.Credentials?.GetCredential(proxy, "Basic") is { UserName.Length: > 0 } credentials)
        {
            var secret = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credentials.UserName}:{credentials.Password}"));
            request += $"Proxy-Authorization: Basic {secret}\r\n";
        }
        return Encoding.ASCII.GetBytes(request + "\r\n");
    }

    // A byte at a time: what follows the header belongs to the tunnel.
    private static async Task<string> ReadStatusAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new List<byte>(256);
        var next = new byte[1];
        while (header.Count < MostHeaderBytes)
        {
            if (await stream.ReadAsync(next, cancellationToken) == 0)
                throw new IOException("The proxy closed the connection before it answered.");
            header.Add(next[0]);
            if (next[0] == '\n' && Encoding.ASCII.GetString([.. header]) is var text && text.EndsWith("\r\n\r\n", StringComparison.Ordinal))
                return text.Split("\r\n")[0];
        }
        throw new IOException($"The proxy answered with more than {MostHeaderBytes} bytes of header.");
    }
}
