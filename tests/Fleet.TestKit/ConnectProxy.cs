using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fleet.TestKit;

/// <summary>A forward proxy as companies have one: it knows CONNECT and nothing else, and may ask for a name and a password.</summary>
public sealed class ConnectProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly string? _authorization;
    private readonly Task _accepting;

    /// <summary>Starts it.</summary>
    /// <param name="credentials">Name and password as <c>name:password</c>; null when it asks nobody.</param>
    public ConnectProxy(string? credentials = null)
    {
        _authorization = credentials is null ? null : "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
        _listener.Start();
        _accepting = AcceptAsync(_stop.Token);
    }

    /// <summary>Its address, without credentials.</summary>
    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Where it was asked to connect to, in order, refused or not.</summary>
    public IReadOnlyList<string> Asked => [.. _asked];

    /// <summary>Where a name that is asked for really is; null to connect to it as it stands.</summary>
    public Func<string, IPAddress>? Resolve { get; init; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken cancellationToken)
    {
        var serving = new List<Task>();
        try
        {
            while (true) serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(cancellationToken), cancellationToken));
        }
        // Dispose stops the listener, which the pending accept answers with one of these.
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken cancellationToken)
    {
        using (client)
        {
            try
            {
                var header = await ReadHeaderAsync(client.GetStream(), cancellationToken);
                var answer = header.Split(' ') is ["CONNECT", var target, ..] ? AnswerTo(header, target) : "405 Method Not Allowed";
                using var server = new TcpClient();
                if (answer.StartsWith("200", StringComparison.Ordinal))
                    await ConnectAsync(server, header.Split(' ')[1], cancellationToken);
                await client.GetStream()
                    .WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {answer}\r\nX-By: proxy\r\n\r\n"), cancellationToken);
                if (!server.Connected) return;
                await Task.WhenAny(
                    client.GetStream().CopyToAsync(server.GetStream(), cancellationToken),
                    server.GetStream().CopyToAsync(client.GetStream(), cancellationToken));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Either side hung up.
            }
        }
    }

    private Task ConnectAsync(TcpClient server, string target, CancellationToken cancellationToken)
    {
        var (host, port) = (target[..target.LastIndexOf(':')], int.Parse(target[(target.LastIndexOf(':') + 1)..], null));
        return Resolve is null
            ? server.ConnectAsync(host, port, cancellationToken).AsTask()
            : server.ConnectAsync(Resolve(host), port, cancellationToken).AsTask();
    }

    private string AnswerTo(string header, string target)
    {
        _asked.Enqueue(target);
        return _authorization is null
            || header.Contains($"\r\nProxy-Authorization: {_authorization}\r\n", StringComparison.OrdinalIgnoreCase)
            ? "200 Connection established"
            : "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\nConnection: close";
    }

    private static async Task<string> ReadHeaderAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var header = new StringBuilder();
        var next = new byte[1];
        while (!header.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(next, cancellationToken) == 0) throw new IOException("The client hung up.");
            header.Append((char)next[0]);
        }
        return header.ToString();
    }
}
