using System.Security.Authentication;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Link;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.Devices;
using Fleet.TestKit;
using Microsoft.Extensions.Time.Testing;
using MQTTnet;

namespace Fleet.Agent.Tests.Enrollment;

/// <summary>
/// D6: a device whose clock was wrong stayed offline with "rejected by the provided RemoteCertificateValidationCallback", and one in 1970
/// could not be enrolled.
/// </summary>
public sealed class DeviceClockTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly TemporaryFolder _folder = new();

    private DataFolder Data => new(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("-00:10:00")]
    [InlineData("-365.00:00:00")]
    [InlineData("-20000.00:00:00")]
    [InlineData("365.00:00:00")]
    public async Task Device_connects_whatever_its_own_clock_says_and_says_that_it_is_wrong(string off)
    {
        await using var server = await TestServer.StartAsync();
        var credentials = CredentialsOf(await EnrollAsync(server, Now), Now + Span(off));
        await ConnectAsync(credentials);
        Assert.Contains("set the clock", credentials.Time.ClockProblem(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-365.00:00:00")]
    [InlineData("-20000.00:00:00")]
    public async Task Device_enrolls_with_a_clock_that_is_years_behind_and_knows_the_time_from_then_on(string off)
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server, Now + Span(off));
        var credentials = CredentialsOf(identity, Now + Span(off));
        Assert.InRange(credentials.Time.Latest(), Now, DateTimeOffset.UtcNow);
        await ConnectAsync(credentials);
    }

    [Fact]
    public async Task Enrollment_by_a_clock_that_is_a_year_ahead_is_refused_with_whose_clock_it_is()
    {
        await using var server = await TestServer.StartAsync();
        var refused = await Assert.ThrowsAsync<EnrollmentException>(() => EnrollAsync(server, Now.AddYears(1)));
        Assert.Contains("set this device's clock if that is wrong", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The order that brings a device back to the right time comes over this connection.</summary>
    [Fact]
    public async Task Signed_time_that_was_years_ahead_keeps_no_device_from_its_server()
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server, Now);
        TrustedTime.Store(Data, Now.AddDays(800));
        await ConnectAsync(CredentialsOf(identity, Now));
    }

    [Fact]
    public async Task Server_whose_certificate_has_ended_is_refused_and_the_reason_names_both_clocks()
    {
        await using var server = await TestServer.StartAsync();
        var identity = await EnrollAsync(server, Now);
        TrustedTime.Store(Data, Now.AddDays(40));
        var credentials = CredentialsOf(identity, Now.AddDays(41));
        using var http = credentials.OpenHttp();
        AssertReason((await Assert.ThrowsAsync<HttpRequestException>(() => http.GetStringAsync("/health"))).InnerException!);
        using var client = new MqttClientFactory().CreateMqttClient();
        var refused = await Assert.ThrowsAnyAsync<Exception>(
            () => client.ConnectAsync(ServerLink.ConnectionOf(credentials, new LinkOptions(), "run")));
        AssertReason(refused.InnerException!);
    }

    private static void AssertReason(Exception reason)
    {
        Assert.IsType<AuthenticationException>(reason);
        Assert.Contains("The server's certificate ended at", reason.Message, StringComparison.Ordinal);
        Assert.Contains("its own clock says", reason.Message, StringComparison.Ordinal);
    }

    private static TimeSpan Span(string text) => TimeSpan.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static async Task ConnectAsync(DeviceCredentials credentials)
    {
        using var http = credentials.OpenHttp();
        Assert.Equal("ok", await http.GetStringAsync("/health"));
        using var client = new MqttClientFactory().CreateMqttClient();
        var connected = await client.ConnectAsync(ServerLink.ConnectionOf(credentials, new LinkOptions(), "run"));
        Assert.Equal(MqttClientConnectResultCode.Success, connected.ResultCode);
    }

    private DeviceCredentials CredentialsOf(Identity identity, DateTimeOffset own)
        => new(Data, identity, new TrustedTime(Data, new FakeTimeProvider(own)));

    private Task<Identity> EnrollAsync(TestServer server, DateTimeOffset own)
        => new Enroller(Data, new FactsReader(), new FakeTimeProvider(own), _ => { }).EnrollAsync(
            new EnrollmentOrder(server.Address, server.Token.Reveal(), DeviceId.Parse("dev-1"), "x64"), CancellationToken.None);
}
