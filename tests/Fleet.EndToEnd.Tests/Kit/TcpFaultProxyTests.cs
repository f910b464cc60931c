using System.Net;
using System.Net.Sockets;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests.Kit;

/// <summary>The bad network does what it says, against a plain TCP server.</summary>
public sealed class TcpFaultProxyTests : IAsyncDisposable
{
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly TcpFaultProxy _proxy;

    public TcpFaultProxyTests()
    {
        _server.Start();
        _proxy = new TcpFaultProxy("127.0.0.1", ((IPEndPoint)_server.LocalEndpoint).Port);
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task Bytes_pass_both_ways_and_the_end_of_one_side_reaches_the_other()
    {
        var (client, server) = await ConnectAsync();
        using (client)
        using (server)
        {
            await client.GetStream().WriteAsync("question"u8.ToArray());
            var asked = new byte[8];
            await server.GetStream().ReadExactlyAsync(asked);
            Assert.Equal("question"u8, asked);
            await server.GetStream().WriteAsync("answer"u8.ToArray());
            server.Client.Shutdown(SocketShutdown.Send);
            using var answer = new MemoryStream();
            await client.GetStream().CopyToAsync(answer);
            Assert.Equal("answer"u8, answer.ToArray());
        }
        Assert.Equal(6, _proxy.BytesToClient);
    }

    [Fact]
    public async Task Connection_is_cut_after_exactly_the_bytes_allowed()
    {
        _proxy.CutAfterBytes = 10_000;
        var (client, server) = await ConnectAsync();
        using (client)
        using (server)
        {
            await server.GetStream().WriteAsync(new byte[50_000]);
            var received = 0;
            var buffer = new byte[4096];
            await Assert.ThrowsAsync<IOException>(async () =>
            {
                while (await client.GetStream().ReadAsync(buffer) is var read and > 0) received += read;
            });
            Assert.True(received <= 10_000, $"{received} bytes arrived.");
        }
        Assert.Equal(10_000, _proxy.BytesToClient);
    }

    [Fact]
    public async Task Open_connections_are_cut_and_new_ones_refused_until_the_network_is_back()
    {
        var (client, server) = await ConnectAsync();
        using (client)
        using (server)
        {
            _proxy.Refuses = true;
            _proxy.Cut();
            await Assert.ThrowsAsync<IOException>(async () => await client.GetStream().ReadExactlyAsync(new byte[1]));
        }
        using (var refused = new TcpClient())
        {
            // The reset is seen by the connect or by the first read, whichever comes later.
            var failure = await Record.ExceptionAsync(async () =>
            {
                await refused.ConnectAsync(IPAddress.Loopback, _proxy.Port);
                await refused.GetStream().ReadExactlyAsync(new byte[1]);
            });
            Assert.True(failure is IOException or SocketException, $"It was {failure}.");
        }
        _proxy.Refuses = false;
        var (again, atServer) = await ConnectAsync();
        again.Dispose();
        atServer.Dispose();
    }

    private async Task<(TcpClient Client, TcpClient Server)> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        return (client, await _server.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(10)));
    }
}
