using System.Net.Sockets;

namespace Fleet.Server.Tests;

/// <summary>
/// A connection of a client that holds back at most 64 KiB which nobody has read. Left to itself the kernel lets that grow to tens of
/// megabytes, so that what a test leaves unread may be all that was asked for.
/// </summary>
internal static class NarrowConnection
{
    private const int HeldBytes = 64 << 10;

    public static async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = HeldBytes };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
