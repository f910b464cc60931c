using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fleet.Server.Access;

namespace Fleet.Server.Tests.Access;

/// <summary>A provider of identities that takes connections and never answers, as a process does that hangs.</summary>
public sealed class SilentProviderTests : IAsyncLifetime
{
    /// <summary>Far below what callers would wait for if one waited after the other, and far above what each waits.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(40);

    private readonly SilentProvider _provider = new();
    private readonly RunningServer _server;

    public SilentProviderTests() => _server = new RunningServer(
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdAuthority)}={_provider.Address}",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdClient)}=fleet-pages",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdAudience)}=fleet",
        $"--Fleet:Access:{nameof(AccessOptions.OpenIdPatience)}=00:00:02");

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Provider_that_never_answers_is_said_to_be_away_to_each_who_comes_while_everything_else_goes_on(bool atItsKeys)
    {
        _provider.AnswersAboutItself = atItsKeys;
        var waited = Stopwatch.StartNew();
        var waiting = Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? SignInAsync() : CallAsync()).ToList();
        await _provider.Asked;
        Assert.Equal(HttpStatusCode.OK, (await _server.Operator.GetAsync("/api/v1/devices")).StatusCode);
        Assert.Contains(waiting, caller => !caller.IsCompleted);

        Assert.All(await Task.WhenAll(waiting), status => Assert.Equal(HttpStatusCode.ServiceUnavailable, status));
        Assert.True(waited.Elapsed < Bound, $"the last was answered after {waited.Elapsed}");
    }

    private async Task<HttpStatusCode> SignInAsync()
    {
        using var browser = new OpenIdBrowser(_server.Addresses.Api);
        using var started = await browser.StartAsync("/");
        return started.StatusCode;
    }

    private async Task<HttpStatusCode> CallAsync()
    {
        using var client = _server.ApiAs("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJmbGVldCJ9.c2lnbmF0dXJl");
        using var answer = await client.GetAsync("/api/v1/devices");
        return answer.StatusCode;
    }

    /// <summary>A real socket that accepts, and answers nothing but who it is, if that.</summary>
    private sealed class SilentProvider : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<TcpClient> _open = [];
        private readonly Task _serving;

        public SilentProvider()
        {
            _listener.Start();
            _serving = ServeAsync();
        }

        public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        /// <summary>True when it says where its keys are, and falls silent when it is asked for them.</summary>
        public bool AnswersAboutItself { get; set; }

        /// <summary>Done once it was asked what it never answers.</summary>
        public Task Asked => _asked.Task.WaitAsync(Bound);

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
            foreach (var client in _open) client.Dispose();
            _listener.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    _open.Add(client);
                    _ = AnswerAsync(client);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // The test is over.
            }
        }

        private async Task AnswerAsync(TcpClient client)
        {
            try
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII);
                while (await reader.ReadLineAsync() is { } line)
                {
                    if (!line.StartsWith("GET ", StringComparison.Ordinal)) continue;
                    if (!AnswersAboutItself || !line.Contains(".well-known", StringComparison.Ordinal))
                    {
                        _asked.TrySetResult();
                        continue;
                    }
                    var body = $$"""{"issuer":"{{Address}}","authorization_endpoint":"{{Address}}/a","jwks_uri":"{{Address}}/keys"}""";
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(
                        $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // Whoever asked has gone.
            }
        }
    }
}
