using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Enrollment;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>What has ended is forgotten: each return of a device makes a token, and all of it is in memory.</summary>
public sealed class EnrollmentRetentionTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly RunningServer _server;

    public EnrollmentRetentionTests() => _server = new RunningServer(services => services.AddSingleton<TimeProvider>(_clock));

    public ValueTask InitializeAsync() => _server.InitializeAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Tokens_go_a_month_after_their_end_and_with_them_what_was_rejected()
    {
        await _server.EnrollAsync("press-1");
        var back = await _server.ReturnTokenAsync("press-1");
        var approved = await _server.TokenAsync(uses: 2, approve: true, labels: new() { ["site"] = "berlin" });
        foreach (var id in (string[])["press-2", "press-3"])
        {
            var (_, key) = await _server.TryEnrollAsync(approved.Token, id);
            key.Dispose();
        }
        await RunningServer.PostAsync(_server.Operator, "/api/v1/enrollments/press-2/reject", "");

        await SweepAsync(EnrollmentRetention.Kept);
        Assert.NotNull(await _server.Store.FindAsync<StoredToken>(back.Id, default));
        await SweepAsync(TimeSpan.FromHours(2));
        Assert.Null(await _server.Store.FindAsync<StoredToken>(back.Id, default));
        // One that waits is to get the labels of its token.
        Assert.NotNull(await _server.Store.FindAsync<StoredToken>(approved.Id, default));
        Assert.NotNull(await _server.Store.FindAsync<PendingEnrollment>("press-2", default));

        await RunningServer.PostAsync(_server.Operator, "/api/v1/enrollments/press-3/approve", "");
        Assert.Equal("berlin", (await _server.ViewAsync("press-3")).Labels["site"]);
        await SweepAsync(TimeSpan.Zero);
        Assert.Null(await _server.Store.FindAsync<StoredToken>(approved.Id, default));
        Assert.Null(await _server.Store.FindAsync<PendingEnrollment>("press-2", default));
    }

    [Fact]
    public async Task Last_revision_of_a_removed_device_goes_when_no_certificate_of_it_can_be_valid()
    {
        foreach (var id in (string[])["gone", "back"])
        {
            await _server.EnrollAsync(id);
            await _server.Store.CommitAsync([StoreChange.Create(id, new DeviceDesired(7, []))], default);
            (await _server.Operator.DeleteAsync($"/api/v1/devices/{id}")).Dispose();
        }
        await _server.EnrollAsync("back");
        var lifetime = _server.Services.GetRequiredService<FleetOptions>().DeviceCertificateLifetime;

        await SweepAsync(lifetime);
        Assert.NotNull(await _server.Store.FindAsync<DeviceDesired>("gone", default));
        await SweepAsync(EnrollmentRetention.Kept + TimeSpan.FromHours(1));
        Assert.Null(await _server.Store.FindAsync<DeviceDesired>("gone", default));
        Assert.NotNull(await _server.Store.FindAsync<DeviceDesired>("back", default));
    }

    /// <summary>Found in review: it was kept by the setting of the day, while a certificate was valid for months.</summary>
    [Fact]
    public async Task Removed_device_is_known_until_its_last_certificate_ends_though_the_lifetime_was_lowered()
    {
        var device = await _server.EnrollAsync("gone");
        (await _server.Operator.DeleteAsync("/api/v1/devices/gone")).Dispose();
        await _server.RestartAsync("--Fleet:DeviceCertificateLifetime=30.00:00:00");
        await SweepAsync(TimeSpan.FromDays(90));
        Assert.NotNull(await _server.Store.FindAsync<DeviceDesired>("gone", default));
        Assert.NotNull(await device.RefusalAsync());
        Assert.Empty(_server.Services.GetRequiredService<StrangerDevices>().All); // nobody is asked to adopt it

        await SweepAsync(TimeSpan.FromDays(365 - 90) + EnrollmentRetention.Kept + TimeSpan.FromHours(1));
        Assert.Null(await _server.Store.FindAsync<DeviceDesired>("gone", default));
        Assert.Null(await _server.Store.FindAsync<DeviceCertificate>("gone", default));
    }

    /// <summary>A record of an earlier program names no last end: the certificate in force is then all that is known.</summary>
    [Fact]
    public void Renewal_keeps_the_later_end_of_what_an_earlier_program_recorded()
    {
        var now = _clock.GetUtcNow();
        IssuedCertificate Until(int days) => new($"serial-{days}", "hash", now, now.AddDays(days), "pem");
        var earlier = new DeviceCertificate { Current = Until(365) };
        Assert.Equal(now.AddDays(365), earlier.Renewed(Until(30), "serial-365").LastEnd);
        Assert.Equal(now.AddDays(365), earlier.Reenrolled(Until(30)).LastEnd);
        Assert.Equal(now.AddDays(400), earlier.Renewed(Until(400), "serial-365").LastEnd);
        Assert.Equal(now.AddDays(30), new DeviceCertificate().Reenrolled(Until(30)).LastEnd);
    }

    [Fact]
    public async Task Last_revision_of_a_device_that_was_off_past_its_certificates_end_is_kept_for_a_month()
    {
        await _server.EnrollAsync("off");
        await SweepAsync(TimeSpan.FromDays(425));
        (await _server.Operator.DeleteAsync("/api/v1/devices/off")).Dispose();
        await SweepAsync(EnrollmentRetention.Kept);
        Assert.NotNull(await _server.Store.FindAsync<DeviceDesired>("off", default));
        await SweepAsync(TimeSpan.FromHours(1));
        Assert.Null(await _server.Store.FindAsync<DeviceDesired>("off", default));
    }

    /// <summary>A number by the clock of the board before, which was ahead, kept the reports of the new one out.</summary>
    [Fact]
    public async Task New_board_begins_with_no_report_that_was_carried_for_the_one_before()
    {
        await _server.EnrollAsync("press-4");
        await _server.Store.CommitAsync(
            [StoreChange.Create("press-4", new ImportedReport(1L << 62, "digest", _clock.GetUtcNow(), _clock.GetUtcNow()))], default);
        await _server.EnrollWithAsync((await _server.ReturnTokenAsync("press-4")).Token, "press-4");
        Assert.Null(await _server.Store.FindAsync<ImportedReport>("press-4", default));
    }

    private Task SweepAsync(TimeSpan later)
    {
        _clock.AdjustTime(_clock.GetUtcNow() + later); // no timer of those days has to run
        return _server.Services.GetRequiredService<EnrollmentRetention>().SweepAsync(default);
    }
}
