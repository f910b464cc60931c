using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Platform;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet;

namespace Fleet.Server.Tests.Messaging;

public sealed class InboxTests
{
    [Theory]
    [InlineData(Topics.Reported, "not json")]
    [InlineData(Topics.Reported, "{}")]
    [InlineData(Topics.Reported, "null")]
    [InlineData(Topics.Reported, """{"protocol":99,"revision":0,"facts":{"architecture":"x64"},"models":[]}""")]
    [InlineData(Topics.Reported, """{"revision":0,"facts":{"architecture":"not a name"},"models":[]}""")]
    [InlineData(Topics.Telemetry, """{"sequence":-1,"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:10Z"}""")]
    [InlineData(Topics.Telemetry, """{"sequence":1,"from":"2026-01-01T00:00:10Z","to":"2026-01-01T00:00:00Z"}""")]
    [InlineData(Topics.Telemetry,
        """{"sequence":1,"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:10Z","models":[{"model":"m","version":1"""
            + ""","variant":"v","latency":{"buckets":[1,2],"counts":[1]}}]}""")]
    [InlineData(Topics.Presence, "[]")]
    public async Task Message_that_is_malformed_is_refused_and_the_connection_lives_on(string channel, string payload)
    {
        await using var server = new RunningServer();
        await server.InitializeAsync();
        var device = await server.EnrollAsync("careless");
        using var client = await device.ConnectAsync();
        var result = await TestDevice.PublishAsync(client, Topics.Of(device.Id, channel), Encoding.UTF8.GetBytes(payload));
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, result.ReasonCode);
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Presence, new Presence(true), FleetJson.Default.Presence));
    }

    [Fact]
    public async Task Room_that_throws_leaves_the_message_unacknowledged_and_the_broker_running()
    {
        var observer = new FailingObserver();
        await using var server = new RunningServer(services => services.AddSingleton<IReportedStateObserver>(observer));
        await server.InitializeAsync();
        var device = await server.EnrollAsync("unlucky");
        using var client = await device.ConnectAsync();

        var report = TestDevice.Report(0);
        Assert.Equal(MqttClientPublishReasonCode.UnspecifiedError,
            await device.PublishAsync(client, Topics.Reported, report, FleetJson.Default.ReportedState));
        Assert.Null(await server.Store.FindAsync<DeviceReported>("unlucky", default));

        observer.Fails = false;
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Reported, report, FleetJson.Default.ReportedState));
        Assert.NotNull(await server.Store.FindAsync<DeviceReported>("unlucky", default));
    }

    [Fact]
    public async Task Report_and_what_a_room_concludes_from_it_are_one_commit_even_in_a_race()
    {
        var observer = new CountingObserver();
        await using var server = new RunningServer(services => services
            .AddSingleton<IReportedStateObserver>(provider => observer.On(provider.GetRequiredService<IFleetStore>())));
        await server.InitializeAsync();
        var devices = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => server.EnrollAsync($"racer-{n}")));
        const int reports = 5;

        await Task.WhenAll(devices.Select(async device =>
        {
            using var client = await device.ConnectAsync();
            for (var n = 1; n <= reports; n++)
                Assert.Equal(MqttClientPublishReasonCode.Success,
                    await device.PublishAsync(client, Topics.Reported, TestDevice.Report(n), FleetJson.Default.ReportedState));
        }));

        // All of them counted in one document: a lost conflict would show as a lower number.
        Assert.Equal(devices.Length * reports, (await server.Store.FindAsync<DeviceDesired>("counter", default))!.Document.Revision);
        Assert.Equal(devices.Length * reports, observer.Committed);
    }

    /// <summary>Told that something failed, each device made a new connection, every second, and the fleet drowned the server.</summary>
    [Fact]
    public async Task Telemetry_that_the_disk_is_too_short_for_waits_on_the_device_and_reports_go_on()
    {
        // Between half of the reserve and all of it.
        var free = DiskSpace.FreeBytes(Path.GetTempPath());
        await using var server = new RunningServer($"--Fleet:FreeSpaceReserve={free + free / 2}");
        await server.InitializeAsync();
        var device = await server.EnrollAsync("patient");
        using var client = await device.ConnectAsync();
        var batch = new TelemetryBatch { Sequence = 1, From = DateTimeOffset.UtcNow, To = DateTimeOffset.UtcNow };
        Assert.Equal(MqttClientPublishReasonCode.QuotaExceeded,
            await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch));
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Reported, TestDevice.Report(0), FleetJson.Default.ReportedState));
    }

    private sealed class FailingObserver : IReportedStateObserver
    {
        public bool Fails { get; set; } = true;

        public Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken)
            => Fails ? throw new InvalidOperationException("A room fails.") : Task.FromResult<IReadOnlyList<StoreChange>>([]);

        public void Committed(DeviceId device)
        {
        }
    }

    /// <summary>Counts every report in one document, so that all reports conflict.</summary>
    private sealed class CountingObserver : IReportedStateObserver
    {
        private IFleetStore? _store;
        private int _committed;

        public int Committed => _committed;

        public CountingObserver On(IFleetStore store)
        {
            _store = store;
            return this;
        }

        public async Task<IReadOnlyList<StoreChange>> ObserveAsync(
            DeviceId device, ReportedState reported, CancellationToken cancellationToken)
            => await _store!.FindAsync<DeviceDesired>("counter", cancellationToken) is { } stored
                ? [stored.Change(new DeviceDesired(stored.Document.Revision + 1, []))]
                : [StoreChange.Create("counter", new DeviceDesired(1, []))];

        void IReportedStateObserver.Committed(DeviceId device) => Interlocked.Increment(ref _committed);
    }
}
