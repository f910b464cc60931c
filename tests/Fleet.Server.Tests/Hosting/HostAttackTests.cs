using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Fleet.Server.Tests.Hosting;

/// <summary>Pages of other sites that make a browser beside the server do their work.</summary>
public sealed class HostAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    public static TheoryData<bool> Ports => [false, true];

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task Name_that_was_rebound_to_this_address_is_not_answered(bool https)
    {
        foreach (var path in (string[])["/", "/health", "/login", "/api/v1/devices", "/nowhere"])
            Assert.StartsWith("HTTP/1.1 421 ", await FirstLineAsync(https, path, "evil.example"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await FirstLineAsync(https, "/health", "localhost"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", 200)]
    [InlineData("localhost", 200)]
    [InlineData("LOCALHOST:8080", 200)]
    [InlineData("fleet.example.com", 200)]
    [InlineData("127.0.0.1.evil.example", 421)]
    [InlineData("localhost.evil.example", 421)]
    [InlineData("fleet.example.com.evil.example", 421)]
    [InlineData("192.0.2.7", 421)]
    [InlineData("[::1]", 421)]
    public async Task Own_names_and_the_address_that_was_called_are_answered(string host, int status)
    {
        await using var own = new RunningServer("--Fleet:AllowedHosts=other.example, fleet.example.com");
        await own.InitializeAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health");
        request.Headers.Host = host;
        using var answer = await own.Operator.SendAsync(request);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://localhost:1")]
    [InlineData("null")]
    [InlineData("")]
    public async Task Page_of_another_site_changes_nothing_even_with_a_right_key(string origin)
    {
        using var answer = await PostAsync("/api/v1/tokens", origin);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        using var login = await PostAsync("/login", origin);
        Assert.Equal(HttpStatusCode.Forbidden, login.StatusCode);
    }

    [Fact]
    public async Task Page_of_this_server_may_change_what_its_caller_may()
    {
        using var answer = await PostAsync("/api/v1/tokens", new Uri(server.Addresses.Api).GetLeftPart(UriPartial.Authority));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    [Fact]
    public async Task Every_answer_keeps_browsers_from_framing_guessing_and_keeping_it()
    {
        foreach (var path in (string[])["/", "/login", "/health", "/api/v1/devices", "/nowhere", "/api/v1/devices?limit=many"])
        {
            using var answer = await server.Operator.GetAsync(path);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal("same-origin", answer.Headers.GetValues("Referrer-Policy").Single());
            Assert.Equal("same-origin", answer.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
            Assert.True(answer.Headers.CacheControl?.NoStore);
            var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
            Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Content = new StringContent("""{"uses":1,"validFor":"01:00:00"}""", Encoding.UTF8, "application/json");
        return await server.Operator.SendAsync(request);
    }

    /// <summary>By hand: a client would judge the server's certificate by the name that it sends.</summary>
    private async Task<string?> FirstLineAsync(bool https, string path, string host)
    {
        var address = new Uri(https ? server.Addresses.Devices : server.Addresses.Api);
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", address.Port);
        await using var plain = socket.GetStream();
        await using var tls = new SslStream(plain);
        var trust = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = TestDevice.Trusting(server.AuthorityPem),
        };
        if (https) await tls.AuthenticateAsClientAsync(trust);
        Stream stream = https ? tls : plain;
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync();
    }
}
