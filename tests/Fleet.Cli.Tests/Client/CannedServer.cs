using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Fleet.Cli.Tests.Client;

/// <summary>Whatever answers at an address: a real socket that gives each request the next of the answers it was made with.</summary>
internal sealed class CannedServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<string> _requests = [];
    private readonly Task _served;

    public CannedServer(params string[] answers)
    {
        _listener.Start();
        _served = ServeAsync(answers);
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>The first line of every request so far.</summary>
    public IReadOnlyList<string> Requests => _requests;

    /// <summary>An answer with a body of its length.</summary>
    public static string Answer(string status, string body, string type = "application/json", string headers = "")
        => $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{headers}"
            + $"Connection: close\r\n\r\n{body}";

    public void Dispose()
    {
        _listener.Stop();
        Assert.True(_served.IsCompleted || _served.Wait(TimeSpan.FromSeconds(30)));
        _listener.Dispose();
    }

    private async Task ServeAsync(string[] answers)
    {
        try
        {
            foreach (var answer in answers)
            {
                using var connection = await _listener.AcceptTcpClientAsync();
                await using var stream = connection.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                _requests.Add(await reader.ReadLineAsync() ?? "");
                while (await reader.ReadLineAsync() is { Length: > 0 })
                {
                    // Headers decide nothing here.
                }
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answer));
            }
        }
        catch (SocketException)
        {
            // It was stopped before everything it had was asked for.
        }
    }
}
