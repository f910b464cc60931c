using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Enrollment;
using Fleet.Server.Messaging;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>What somebody can do who copied a device's certificate and key.</summary>
public sealed class StolenCertificateAttackTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public StolenCertificateAttackTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Stolen_certificate_renews_nothing_once_its_owner_has_renewed()
    {
        var stolen = await _server.EnrollAsync("press-1");
        var owner = await stolen.RenewAsync();
        Assert.Null(await owner.RefusalAsync());

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var answer = await stolen.TryRenewAsync(key);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("only that one is renewed", (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
        Assert.Null(await owner.RefusalAsync());
    }

    [Fact]
    public async Task Stolen_certificate_that_was_replaced_opens_neither_door_and_is_shown_on_the_device()
    {
        var stolen = await _server.EnrollAsync("press-2");
        var owner = await stolen.RenewAsync();
        using var connected = await owner.ConnectAsync();
        _clock.Advance(CertificateRules.Grace);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() => stolen.ConnectAsync());
        Assert.Contains("replaced by a newer one", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("replaced by a newer one", await stolen.RefusalAsync(), StringComparison.Ordinal);
        Assert.True(connected.IsConnected);

        var alarm = Assert.Single((await _server.ViewAsync("press-2")).Alarms);
        Assert.Equal("replacedCertificate", alarm.Kind);
        Assert.Contains(stolen.Certificate.SerialNumber, alarm.Text, StringComparison.Ordinal);
        await _server.DoAsync("press-2", "acknowledge");
        Assert.Empty((await _server.ViewAsync("press-2")).Alarms);
    }

    [Fact]
    public async Task Thief_who_renews_first_shuts_the_owner_out_and_cannot_hide_it()
    {
        var owner = await _server.EnrollAsync("press-3");
        var thief = await owner.RenewAsync();
        Assert.Null(await thief.RefusalAsync());
        _clock.Advance(CertificateRules.Grace);

        Assert.NotNull(await owner.RefusalAsync());
        Assert.Single((await _server.ViewAsync("press-3")).Alarms);

        var back = await _server.EnrollWithAsync((await _server.ReturnTokenAsync("press-3")).Token, "press-3");
        Assert.NotNull(await thief.RefusalAsync());
        Assert.Null(await back.RefusalAsync());
    }

    [Fact]
    public async Task Serial_that_was_revoked_is_refused_at_once_and_the_device_goes_on_with_its_own()
    {
        var stolen = await _server.EnrollAsync("press-4");
        var owner = await stolen.RenewAsync();
        using var thief = await stolen.ConnectAsync();
        var gone = new TaskCompletionSource();
        thief.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());

        await _server.DoAsync("press-4", $"revoke?serial={stolen.Certificate.SerialNumber}");
        await gone.Task.WaitAsync(Eventually.DefaultDeadline);
        Assert.Contains("is revoked", (await Assert.ThrowsAsync<RefusedException>(() => stolen.ConnectAsync())).Message,
            StringComparison.Ordinal);
        Assert.Null(await owner.RefusalAsync());
        Assert.False((await _server.ViewAsync("press-4")).Revoked);

        await _server.DoAsync("press-4", $"unrevoke?serial={stolen.Certificate.SerialNumber.ToLowerInvariant()}");
        Assert.Null(await stolen.RefusalAsync());
    }

    /// <summary>Found in review: the thief's tries were charged to the device, whose own connection was refused as one too many.</summary>
    [Fact]
    public async Task Certificate_that_counts_no_more_uses_up_nothing_of_the_share_of_its_device()
    {
        var stolen = await _server.EnrollAsync("press-8");
        var owner = await stolen.RenewAsync();
        Assert.Null(await owner.RefusalAsync());
        _clock.Advance(CertificateRules.Grace);
        // No time passes here, so that nothing is paid back.
        var tries = new MessagingOptions().PacketBurst / DeviceTraffic.CostOfMuch + 1;
        for (var n = 0; n < tries; n++)
        {
            var refusal = await Assert.ThrowsAsync<RefusedException>(() => stolen.ConnectAsync());
            Assert.Contains("replaced by a newer one", refusal.Message, StringComparison.Ordinal);
        }
        using var connected = await owner.ConnectAsync();
        Assert.True(connected.IsConnected);
        Assert.Null((await _server.ViewAsync("press-8")).Traffic);
    }

    [Fact]
    public async Task Answer_to_a_renewal_that_was_lost_loses_nothing()
    {
        var device = await _server.EnrollAsync("press-5");
        using var lost = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var first = await device.RenewAsync(lost);
        _clock.Advance(TimeSpan.FromDays(3));
        Assert.Null(await device.RefusalAsync());
        var again = await device.RenewAsync(lost);
        Assert.Equal(first.Certificate.SerialNumber, again.Certificate.SerialNumber);

        // A device that lost its key as well asks with another, and the certificate nobody fetched is given up.
        var other = await device.RenewAsync();
        Assert.Null(await other.RefusalAsync());
        Assert.NotNull(await first.RefusalAsync());
    }

    [Fact]
    public async Task Device_that_renewed_after_the_backup_that_was_restored_is_known_again()
    {
        var device = await _server.EnrollAsync("press-6");
        var before = await _server.Store.FindAsync<DeviceCertificate>("press-6", default);
        _clock.Advance(TimeSpan.FromDays(1));
        var renewed = await device.RenewAsync();
        var after = await _server.Store.FindAsync<DeviceCertificate>("press-6", default);
        await _server.Store.CommitAsync([after!.Change(before!.Document)], default);

        Assert.Null(await renewed.RefusalAsync());
        Assert.Equal(renewed.Certificate.SerialNumber, (await _server.ViewAsync("press-6")).Certificate!.Serial);
        Assert.Empty((await _server.ViewAsync("press-6")).Alarms);
    }

    [Fact]
    public async Task Device_enrolled_before_certificates_were_recorded_goes_on_and_is_recorded_when_it_renews()
    {
        var device = await _server.EnrollAsync("press-7");
        var stored = await _server.Store.FindAsync<DeviceCertificate>("press-7", default);
        await _server.Store.CommitAsync([stored!.Removal()], default);
        using (var connected = await device.ConnectAsync()) Assert.Null((await _server.ViewAsync("press-7")).Certificate);

        var renewed = await device.RenewAsync();
        Assert.Null(await renewed.RefusalAsync());
        _clock.Advance(CertificateRules.Grace);
        Assert.NotNull(await device.RefusalAsync());
        Assert.NotNull((await _server.ViewAsync("press-7")).Certificate!.FirstUsedAt);
    }

    /// <summary>
    /// Found in review: a new certificate is dated back by weeks, one of version 0.2.0 by minutes. The older one was taken for the newer,
    /// and the board that an operator had let in was shut out for the thief.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Certificate_of_an_earlier_program_is_ended_by_a_new_key_and_by_a_renewal(bool newKey)
    {
        var device = await _server.EnrollAsync("press-9");
        var stolen = OfEarlierProgram(device, _clock.GetUtcNow().AddDays(-10));
        device = OfEarlierProgram(device, _clock.GetUtcNow().AddDays(-9));
        var stored = await _server.Store.FindAsync<DeviceCertificate>("press-9", default);
        await _server.Store.CommitAsync([stored!.Removal()], default); // that program recorded none
        Assert.Null(await stolen.RefusalAsync());

        var owner = newKey
            ? await _server.EnrollWithAsync((await _server.ReturnTokenAsync("press-9")).Token, "press-9")
            : await device.RenewAsync();
        Assert.Null(await owner.RefusalAsync());
        Assert.Contains("replaced by a newer one", await stolen.RefusalAsync(), StringComparison.Ordinal);
        _clock.Advance(CertificateRules.Grace);
        Assert.Null(await owner.RefusalAsync());
    }

    /// <summary>A certificate is dated back by a quarter of its life, and the setting says how long that is.</summary>
    [Theory]
    [InlineData(20, 365)]
    [InlineData(365, 20)]
    public void Certificate_is_newer_than_another_only_when_it_was_issued_later_whatever_its_lifetime(int daysBefore, int daysThen)
    {
        var before = Issued(daysBefore);
        _clock.Advance(TimeSpan.FromDays(1));
        var then = Issued(daysThen);
        Assert.Equal(CertificateStanding.Replaced, Judge(current: then, shown: before));
        Assert.Equal(CertificateStanding.Newer, Judge(current: before, shown: then));
    }

    /// <summary>
    /// Found in review: a device that enrolled and renewed since the backup was adopted by its name, and a copy of its first certificate
    /// counted again, renewed, and shut it out.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // its owner comes after it was adopted
    public async Task Copied_certificate_of_a_device_that_is_adopted_after_a_restore_shuts_nobody_out(bool ownerKnocks)
    {
        var stolen = await _server.EnrollAsync("press-11");
        _clock.Advance(TimeSpan.FromDays(1));
        var owner = await stolen.RenewAsync();
        var device = await _server.Store.FindAsync<Device>("press-11", default);
        var known = await _server.Store.FindAsync<DeviceCertificate>("press-11", default);
        await _server.Store.CommitAsync([device!.Removal(), known!.Removal()], default); // as the restored database has it

        if (ownerKnocks) Assert.NotNull(await owner.RefusalAsync());
        Assert.NotNull(await stolen.RefusalAsync());
        using (var adopted = await RunningServer.PostAsync(_server.Operator, "/api/v1/strangers/press-11/adopt", ""))
            Assert.Equal(HttpStatusCode.OK, adopted.StatusCode);
        Assert.Null(await owner.RefusalAsync());

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var answer = await stolen.TryRenewAsync(key);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        _clock.Advance(CertificateRules.Grace);
        Assert.NotNull(await stolen.RefusalAsync());
        Assert.Null(await owner.RefusalAsync());
    }

    private CertificateStanding Judge(IssuedCertificate current, IssuedCertificate shown)
        => CertificateRules.Judge(new DeviceCertificate { Current = current }, shown, _clock.GetUtcNow());

    private IssuedCertificate Issued(int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return _server.Services.GetRequiredService<CertificateAuthority>()
            .IssueDevice(DeviceId.Parse("press-10"), new PublicKey(key), TimeSpan.FromDays(days));
    }

    /// <summary>A device with a certificate as version 0.2.0 issued it: valid from five minutes before, with a serial of chance.</summary>
    private TestDevice OfEarlierProgram(TestDevice device, DateTimeOffset at)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={device.Id}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], false));
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f;
        using var authority = X509Certificate2.CreateFromPemFile(_server.Folder["ca.pem"], _server.Folder["keys", "ca.key"]);
        using var certificate = request.Create(authority, at.AddMinutes(-5), at.AddDays(365), serial);
        return new TestDevice(_server, device.Id, key, device.Identity with { Certificate = certificate.ExportCertificatePem() });
    }
}
