using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Enrollment;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>A device does something in the very moment in which an operator ends it.</summary>
public sealed class DeviceEndAttackTests
{
    [Fact]
    public async Task Device_that_is_removed_in_the_middle_of_its_renewal_gets_nothing_and_leaves_its_id_free()
    {
        await using var server = new RunningServer();
        await server.InitializeAsync();
        var device = await server.EnrollAsync("slow");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var handler = new SocketsHttpHandler { Expect100ContinueTimeout = Eventually.DefaultDeadline };
        handler.SslOptions.CertificateChainPolicy = TestDevice.Trusting(server.AuthorityPem);
        handler.SslOptions.ClientCertificates = [device.Certificate];
        using var client = new HttpClient(handler) { BaseAddress = new Uri(server.Addresses.Devices) };
        // The server asks for the body once it has let the device in: until then nothing is sent.
        using var request = new HttpRequestMessage(HttpMethod.Post, "/renew")
        {
            Content = new LateContent(
                JsonSerializer.SerializeToUtf8Bytes(new RenewRequest(TestDevice.SigningRequest(key)), FleetJson.Default.RenewRequest),
                async () => (await server.Operator.DeleteAsync("/api/v1/devices/slow")).Dispose()),
        };
        request.Headers.ExpectContinue = true;

        using var answer = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        var known = await server.Store.FindAsync<DeviceCertificate>("slow", default);
        Assert.Equal(device.Certificate.SerialNumber, known!.Document.Current!.Serial);
        Assert.Null(await (await server.EnrollAsync("slow")).RefusalAsync());
    }

    [Fact]
    public async Task Record_of_a_certificate_that_no_device_has_keeps_nobody_from_its_id()
    {
        await using var server = new RunningServer();
        await server.InitializeAsync();
        await server.Store.CommitAsync([StoreChange.Create("orphan", new DeviceCertificate { Revoked = ["AB"] })], default);
        var (answer, key) = await server.TryEnrollAsync((await server.TokenAsync()).Token, "orphan").WaitAsync(Eventually.DefaultDeadline);
        key.Dispose();
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>
    /// Found in review: with its device a certificate was forgotten, also a revoked one, and by a clock that had been ahead it was newer.
    /// </summary>
    [Fact]
    public async Task Certificate_of_a_removed_device_counts_for_no_later_one_of_its_id_whatever_the_clock_said()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var server = new RunningServer(services => services.AddSingleton<TimeProvider>(clock));
        await server.InitializeAsync();
        clock.AdjustTime(clock.GetUtcNow().AddDays(20)); // by which nothing is noticed
        await server.RestartAsync();
        var stolen = await server.EnrollAsync("press");
        clock.AdjustTime(clock.GetUtcNow().AddDays(-20));
        await server.RestartAsync();
        (await RunningServer.PostAsync(server.Operator, "/api/v1/keys/time-anchor", "")).Dispose();

        (await server.Operator.DeleteAsync("/api/v1/devices/press")).Dispose();
        var next = await server.EnrollAsync("press");

        Assert.Contains("replaced by a newer one", await stolen.RefusalAsync(), StringComparison.Ordinal);
        Assert.Null(await next.RefusalAsync());
    }

    [Fact]
    public async Task Connection_that_is_let_in_while_its_device_is_revoked_ends()
    {
        await using var server = new RunningServer(services => services.AddSingleton<IDeviceGate>(
            provider => new RevokingGate(provider.GetRequiredService<DeviceGate>(), provider.GetRequiredService<DeviceLife>)));
        await server.InitializeAsync();
        var device = await server.EnrollAsync("knocking");

        using var connected = await device.ConnectAsync();

        await Eventually.TrueAsync("the session ends", () => !connected.IsConnected);
        Assert.True((await server.ViewAsync("knocking")).Revoked);
    }

    /// <summary>The real gate, and an operator who revokes a device just after it was let in for the first time.</summary>
    private sealed class RevokingGate(DeviceGate gate, Func<DeviceLife> life) : IDeviceGate
    {
        private int _asked;

        public async Task<string?> WhyRefusedAsync(
            DeviceId device, X509Certificate2 certificate, CancellationToken cancellationToken)
        {
            var reason = await gate.WhyRefusedAsync(device, certificate, cancellationToken);
            if (Interlocked.Increment(ref _asked) == 1) await life().RevokeAsync(device.Value, cancellationToken);
            return reason;
        }
    }

    /// <summary>A body before which something happens.</summary>
    private sealed class LateContent : HttpContent
    {
        private readonly byte[] _body;
        private readonly Func<Task> _before;

        public LateContent(byte[] body, Func<Task> before)
        {
            (_body, _before) = (body, before);
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await _before();
            await stream.WriteAsync(_body);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _body.Length;
            return true;
        }
    }
}
