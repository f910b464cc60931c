using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Fleet.TestKit;

/// <summary>
/// A bad network: forwards TCP from a port of its own to a server, and can cut, refuse, delay and end connections after a
/// number of bytes. What travels is not looked at, so TLS passes as it is.
/// </summary>
public sealed class TcpFaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Guid, Connection> _connections = new();
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;
    private long _bytesToClient;
    private int _accepted;

    /// <summary>Starts to forward to <paramref name="host"/>:<paramref name="port"/>.</summary>
    public TcpFaultProxy(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener.Start();
        _accepting = AcceptAsync(_stop.Token);
    }

    /// <summary>The port clients connect to, on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>True: connections are closed as soon as they open, as when the server is down. Those already open stay.</summary>
    public bool Refuses { get; set; }

    /// <summary>How long every piece of data waits before it goes on, in both directions.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Bytes from the server after which a connection opened from now on is cut; null for none.</summary>
    public long? CutAfterBytes { get; set; }

    /// <summary>Bytes the server has sent to clients through this proxy.</summary>
    public long BytesToClient => Interlocked.Read(ref _bytesToClient);

    /// <summary>Connections opened so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>Cuts every open connection, without a word to either side.</summary>
    public void Cut()
    {
        foreach (var connection in _connections.Values) connection.Abort();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken cancellationToken)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(cancellationToken);
                Interlocked.Increment(ref _accepted);
                serving.RemoveAll(task => task.IsCompleted);
                if (Refuses) Connection.Reset(client);
                else serving.Add(ServeAsync(client, cancellationToken));
            }
        }
        // Dispose stops the listener, which the accept that is pending or about to begin answers with one of these.
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken cancellationToken)
    {
        var id = Guid.NewGuid();
        using var connection = new Connection(client, CutAfterBytes);
        _connections[id] = connection;
        try
        {
            await connection.Server.ConnectAsync(_host, _port, cancellationToken);
            var up = ForwardAsync(connection.Client, connection.Server, connection, countsDown: false, cancellationToken);
            var down = ForwardAsync(connection.Server, connection.Client, connection, countsDown: true, cancellationToken);
            await Task.WhenAll(up, down);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException
            or OperationCanceledException)
        {
            // Either side hung up, or the test cut the connection: that is this class's purpose.
            connection.Abort();
        }
        finally { _connections.TryRemove(id, out _); }
    }

    private async Task ForwardAsync(
        TcpClient from, TcpClient to, Connection connection, bool countsDown, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        while (await from.GetStream().ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            if (Delay > TimeSpan.Zero) await Task.Delay(Delay, cancellationToken);
            var allowed = countsDown ? connection.Take(read) : read;
            await to.GetStream().WriteAsync(buffer.AsMemory(0, allowed), cancellationToken);
            if (countsDown) Interlocked.Add(ref _bytesToClient, allowed);
            if (allowed < read)
            {
                connection.Abort();
                return;
            }
        }
        to.Client.Shutdown(SocketShutdown.Send);
    }

    private sealed class Connection(TcpClient client, long? cutAfterBytes) : IDisposable
    {
        private long _left = cutAfterBytes ?? long.MaxValue;

        public TcpClient Client => client;

        public TcpClient Server { get; } = new();

        /// <summary>How many of <paramref name="bytes"/> may still pass.</summary>
        public int Take(int bytes)
        {
            var allowed = (int)Math.Min(bytes, _left);
            _left -= allowed;
            return allowed;
        }

        public void Abort()
        {
            Reset(client);
            Reset(Server);
        }

        public void Dispose()
        {
            client.Dispose();
            Server.Dispose();
        }

        // Closing with linger 0 sends RST: the other side sees a broken connection, not a polite end.
        public static void Reset(TcpClient side)
        {
            if (side.Client is { } socket) socket.Close(0);
        }
    }
}
