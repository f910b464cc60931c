using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet;
using MQTTnet.Formatter;

namespace Fleet.Server.Tests.Messaging;

public sealed class AdmissionTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Certificate_of_another_authority_is_refused()
    {
        using var elsewhere = new TemporaryFolder();
        using var authority = CertificateAuthority.OpenOrCreate(elsewhere.Path, TimeProvider.System);
        await server.EnrollAsync("copied");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = authority.IssueDevice(DeviceId.Parse("copied"), new PublicKey(key), TimeSpan.FromDays(1)).Pem;
        await RefusedAsync("copied", X509Certificate2.CreateFromPem(pem, key.ExportPkcs8PrivateKeyPem()));
    }

    [Fact]
    public Task No_certificate_is_refused() => RefusedAsync("nobody", null);

    [Fact]
    public async Task Certificate_of_the_server_is_not_taken_for_a_device()
    {
        using var certificate = server.Services.GetRequiredService<CertificateAuthority>()
            .IssueServer("localhost", TimeSpan.FromDays(1), new SubjectAlternativeNameBuilder());
        await RefusedAsync("localhost", certificate);
    }

    [Fact]
    public async Task Certificate_that_has_expired_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await server.EnrollAsync("late");
        var pem = server.Services.GetRequiredService<CertificateAuthority>()
            .IssueDevice(DeviceId.Parse("late"), new PublicKey(key), TimeSpan.FromMinutes(-1)).Pem;
        await RefusedAsync("late", X509Certificate2.CreateFromPem(pem, key.ExportPkcs8PrivateKeyPem()));
    }

    [Fact]
    public async Task Client_id_of_another_device_is_refused()
    {
        var device = await server.DeviceAsync("me");
        await server.DeviceAsync("you");
        var refusal = await Assert.ThrowsAsync<RefusedException>(() => TestDevice.ConnectAsync(server, "you", device.Certificate));
        Assert.Equal(MqttClientConnectResultCode.ClientIdentifierNotValid, refusal.Code);
    }

    [Fact]
    public async Task Certificate_of_a_device_that_was_never_enrolled_is_refused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = server.Services.GetRequiredService<CertificateAuthority>()
            .IssueDevice(DeviceId.Parse("ghost"), new PublicKey(key), TimeSpan.FromDays(1)).Pem;
        var refusal = await Assert.ThrowsAsync<RefusedException>(
            () => TestDevice.ConnectAsync(server, "ghost", X509Certificate2.CreateFromPem(pem, key.ExportPkcs8PrivateKeyPem())));
        Assert.Equal(MqttClientConnectResultCode.NotAuthorized, refusal.Code);
        Assert.Contains("not enrolled", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Older_mqtt_is_refused_because_its_acknowledgement_cannot_say_no()
    {
        var device = await server.DeviceAsync("old");
        await Assert.ThrowsAnyAsync<Exception>(() => device.ConnectAsync(options => options.WithProtocolVersion(MqttProtocolVersion.V311)));
    }

    [Fact]
    public async Task Connection_without_keep_alive_is_refused()
    {
        var device = await server.DeviceAsync("silent");
        var refusal = await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync(options => options.WithNoKeepAlive()));
        Assert.Contains("keep-alive", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Second_connection_takes_over_and_the_device_stays_online()
    {
        var device = await server.EnrollAsync("twice");
        using var first = await device.ConnectAsync();
        var gone = new TaskCompletionSource();
        first.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());
        using var second = await device.ConnectAsync();
        await gone.Task.WaitAsync(Eventually.DefaultDeadline);
        Assert.True((await server.ViewAsync("twice")).Online);
        await second.DisconnectAsync();
        await Eventually.TrueAsync("the device is seen as offline", async () => !(await server.ViewAsync("twice")).Online);
    }

    /// <summary>
    /// Under TLS 1.3 a client learns only at its first read that its certificate was refused: it must never get a CONNACK.
    /// </summary>
    private async Task RefusedAsync(string clientId, X509Certificate2? certificate)
    {
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => TestDevice.ConnectAsync(server, clientId, certificate));
        Assert.IsNotType<RefusedException>(refusal);
    }
}
