using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using System.Threading.Channels;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Devices;

/// <summary>R17: a server that was renamed or moved could not tell its devices.</summary>
public sealed class ServerMoveTests(RunningServer server) : IClassFixture<RunningServer>
{
    private const string There = """{"server":"https://there.example:8443","mqtt":"there.example:8883"}""";

    [Fact]
    public async Task Announced_address_is_in_a_signed_order_to_who_is_there_and_to_who_comes_later()
    {
        var here = await server.EnrollAsync("here");
        await server.EnrollAsync("away");
        var (client, desired) = await here.ListenAsync();
        using var connected = client;
        Assert.Null((await NextAsync(desired)).Address);

        var announced = await AnswerAsync(await RunningServer.PostAsync(server.Operator, "/api/v1/server/move", There));
        Assert.Equal("there.example:8883", announced.Next!.Mqtt);
        Assert.Equal(new Uri("https://there.example:8443"), (await NextAsync(desired)).Address!.Server);
        var view = await AnswerAsync(await server.Operator.GetAsync("/api/v1/server"));
        Assert.Equal((1, 1, "away"), (view.Told, view.Waiting, Assert.Single(view.WaitingDevices!).Value));

        var (later, laterDesired) = await (await server.EnrollAsync("later")).ListenAsync();
        using var late = later;
        Assert.Equal("there.example:8883", (await NextAsync(laterDesired)).Address!.Mqtt);

        Assert.Null((await AnswerAsync(await server.Operator.DeleteAsync("/api/v1/server/move"))).Next);
        Assert.Null((await NextAsync(desired)).Address);
    }

    [Theory]
    [InlineData("http://there.example:8443", "there.example:8883", "server 'http://there.example:8443'")]
    [InlineData("https://there.example:8443/path", "there.example:8883", "server ")]
    [InlineData("there", "there.example:8883", "server 'there'")]
    [InlineData("https://there.example:8443", "there.example", "mqtt 'there.example'")]
    [InlineData("https://there.example:8443", "a b:1", "mqtt 'a b:1'")]
    public async Task Address_that_no_device_could_use_is_refused(string devices, string mqtt, string says)
    {
        using var answer = await RunningServer.PostAsync(
            server.Operator, "/api/v1/server/move", $$"""{"server":"{{devices}}","mqtt":"{{mqtt}}"}""");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(says, Assert.Single((await RunningServer.ProblemOf(answer)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Announced_name_is_answered_also_after_a_restart_until_it_is_taken_back()
    {
        await using var own = new RunningServer();
        await own.InitializeAsync();
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await StatusUnderAsync(own, "there.example"));
        await AnswerAsync(await RunningServer.PostAsync(own.Operator, "/api/v1/server/move", There));
        Assert.Equal(HttpStatusCode.OK, await StatusUnderAsync(own, "there.example"));
        Assert.True(await IsNamedAsync(own, "there.example"));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await StatusUnderAsync(own, "there.example.evil.example"));
        await own.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusUnderAsync(own, "THERE.example"));
        Assert.True(await IsNamedAsync(own, "there.example"));
        await AnswerAsync(await own.Operator.DeleteAsync("/api/v1/server/move"));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await StatusUnderAsync(own, "there.example"));
        Assert.False(await IsNamedAsync(own, "there.example"));
        Assert.True(await IsNamedAsync(own, "localhost"));
    }

    /// <summary>True when the certificate of the devices' port names a host, as a device judges it that calls there.</summary>
    private static async Task<bool> IsNamedAsync(RunningServer server, string host)
    {
        var address = new Uri(server.Addresses.Devices);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port);
        await using var secure = new SslStream(tcp.GetStream());
        try
        {
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = host,
                RemoteCertificateValidationCallback
                    = (_, _, _, errors) => !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch),
            });
            return true;
        }
        catch (AuthenticationException)
        {
            return false;
        }
    }

    private static async Task<HttpStatusCode> StatusUnderAsync(RunningServer server, string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health");
        request.Headers.Host = host;
        using var answer = await server.Operator.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<ServerView> AnswerAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            return JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), FleetJson.Default.ServerView)!;
        }
    }

    private static async Task<DeviceOrder> NextAsync(ChannelReader<DesiredState> desired)
    {
        using var deadline = new CancellationTokenSource(Eventually.DefaultDeadline);
        var state = await desired.ReadAsync(deadline.Token);
        return JsonSerializer.Deserialize(state.Order!.Payload, FleetJson.Default.DeviceOrder)!;
    }
}
