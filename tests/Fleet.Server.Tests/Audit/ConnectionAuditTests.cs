using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Audit;
using Fleet.Server.Certificates;
using Fleet.Server.Messaging;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Audit;

/// <summary>Connections of devices that were refused are in the trail, and nobody fills it with them.</summary>
public sealed class ConnectionAuditTests : IAsyncLifetime
{
    private readonly RunningServer _server = new();

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Certificate_of_another_authority_is_noted_with_the_name_that_it_claims()
    {
        using var elsewhere = new TemporaryFolder();
        using var authority = CertificateAuthority.OpenOrCreate(elsewhere.Path, TimeProvider.System);
        await ConnectAsync("copied", authority);
        var line = await LineAsync("somebody who says 'copied'");
        Assert.Equal(("127.0.0.1", "connection of a device", (int?)null), (line.From, line.What, line.Status));
        Assert.Equal("its certificate is not one of a device that this server issued, or not valid now", line.Why);
        Assert.Contains("fleet_connections_refused 1", await _server.Operator.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_and_revoked_device_are_noted_by_their_names()
    {
        await ConnectAsync("ghost", _server.Services.GetRequiredService<CertificateAuthority>());
        Assert.Equal("device ghost is not enrolled here", (await LineAsync("device ghost")).Why);

        var revoked = await _server.EnrollAsync("gone");
        await _server.DoAsync("gone", "revoke");
        await Assert.ThrowsAsync<RefusedException>(() => revoked.ConnectAsync());
        Assert.Equal("the certificate of device gone is revoked", (await LineAsync("device gone")).Why);
    }

    [Fact]
    public async Task Nobody_fills_the_trail_by_connecting_whatever_names_it_takes()
    {
        var refused = _server.Services.GetRequiredService<RefusedConnections>();
        for (var n = 0; n < 500; n++)
            refused.Add(new RefusedConnection(null, $"name-{n}", new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1000 + n), "no"));
        for (var n = 0; n < 50; n++) refused.Add(new RefusedConnection("press-7", null, null, "revoked"));
        await _server.RestartAsync();
        var lines = await ListAsync();
        Assert.Equal(ConnectionAudit.Lines, lines.Count(line => line.From == "192.0.2.7"));
        Assert.Equal(ConnectionAudit.Lines, lines.Count(line => line.Who == "device press-7"));
        Assert.Contains(lines, line => line.What == "495 more connections of somebody at 192.0.2.7 were refused within an hour.");
        Assert.Contains(lines, line => line.What == "45 more connections of device press-7 were refused within an hour.");
    }

    private async Task ConnectAsync(string device, CertificateAuthority authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = authority.IssueDevice(DeviceId.Parse(device), new PublicKey(key), TimeSpan.FromDays(1)).Pem;
        await Assert.ThrowsAnyAsync<Exception>(() => TestDevice.ConnectAsync(
            _server, device, X509Certificate2.CreateFromPem(pem, key.ExportPkcs8PrivateKeyPem())));
    }

    private Task<AuditView> LineAsync(string who)
        => Eventually.ValueAsync($"a line of {who}", async () => (await ListAsync()).FirstOrDefault(
            line => line.What == "connection of a device" && line.Who == who));

    private async Task<IReadOnlyList<AuditView>> ListAsync() => JsonSerializer.Deserialize(
        await _server.Operator.GetStringAsync("/api/v1/audit?limit=1000"), FleetJson.Default.IReadOnlyListAuditView)!;
}
