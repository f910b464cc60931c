using System.Net;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Enrollment;
using Fleet.Server.Messaging;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using MQTTnet;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Somebody has a copy of the certificate in force and its key, which nothing tells apart from the device itself.</summary>
public sealed class CloneAttackTests : IAsyncLifetime
{
    private const string Id = "press-1";
    private const string Own = "127.0.0.1";
    private const string Elsewhere = "127.0.0.2";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly CancellationTokenSource _end = new();
    private readonly RunningServer _server;
    private Task _time = Task.CompletedTask;
    private int _runs;

    public CloneAttackTests() => _server = new RunningServer(
        services => services.AddSingleton<TimeProvider>(_clock).AddSingleton(new MessagingOptions
        {
            PacketBurst = 200,
            SlowedAtMost = TimeSpan.FromSeconds(10),
            CutFor = TimeSpan.FromHours(1),
        }),
        "--Fleet:TelemetryBytesPerDay=1048576");

    public async ValueTask InitializeAsync()
    {
        await _server.InitializeAsync();
        // A second for every twenty milliseconds: turns and shares are counted in seconds.
        _time = Task.Run(async () =>
        {
            while (!_end.IsCancellationRequested)
            {
                await Task.Delay(20);
                _clock.Advance(TimeSpan.FromSeconds(1));
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _time;
        await _server.DisposeAsync();
        _end.Dispose();
    }

    [Fact]
    public async Task Copy_that_floods_from_elsewhere_uses_up_its_own_share_and_the_device_delivers_what_it_has()
    {
        const int messages = 16;
        var device = await _server.EnrollAsync(Id);
        using var stop = new CancellationTokenSource();
        var flood = Task.Run(() => FloodAsync(device, Elsewhere, stop.Token), stop.Token);
        await Eventually.TrueAsync("the copy has used up its share", async () => (await TrafficAsync())?.From == Elsewhere, Deadline);

        IMqttClient? client = null;
        async Task<bool> SendAsync(int sequence)
        {
            try
            {
                if (client is not { IsConnected: true })
                {
                    client?.Dispose();
                    client = await device.ConnectAsync(From(Own, "the-device"));
                }
                return await device.PublishAsync(client, Topics.Telemetry, BatchOf(sequence), FleetJson.Default.TelemetryBatch)
                    == MqttClientPublishReasonCode.Success;
            }
            // Thrown out, or not its turn: an agent tries again.
            catch (Exception e) when (e is RefusedException or MQTTnet.Exceptions.MqttCommunicationException
                or OperationCanceledException or InvalidOperationException)
            {
                return false;
            }
        }
        for (var sequence = 1; sequence <= messages; sequence++)
        {
            await Eventually.TrueAsync($"message {sequence} is taken", () => SendAsync(sequence), Deadline);
            // The copy is at it all the while.
            if (sequence == messages / 2) await client!.DisconnectAsync();
        }
        // On a busy machine all may be delivered before the copy has its turn again.
        var more = messages;
        await Eventually.TrueAsync("the device is a suspected clone", async () =>
        {
            if ((await _server.ViewAsync(Id)).Alarms.Count > 0) return true;
            await SendAsync(++more);
            return false;
        }, Deadline);
        client?.Dispose();
        await stop.CancelAsync();
        await flood;

        var alarm = Assert.Single((await _server.ViewAsync(Id)).Alarms);
        Assert.Equal("clone", alarm.Kind);
        Assert.Contains($"fleet devices reenroll {Id}", alarm.Text, StringComparison.Ordinal);
        var health = JsonSerializer.Deserialize(await _server.Operator.GetStringAsync("/health"), FleetJson.Default.HealthResponse)!;
        var warned = Assert.Single(Assert.Single(health.Warnings).Devices);
        Assert.Equal(Id, warned.Device.Value);
        foreach (var address in (string[])[Own, Elsewhere])
        {
            Assert.Contains(address, alarm.Text, StringComparison.Ordinal);
            Assert.Contains(address, warned.Detail, StringComparison.Ordinal);
        }
        Assert.Equal(Elsewhere, (await TrafficAsync())!.From);
    }

    [Fact]
    public async Task Copy_at_the_same_address_is_ended_by_one_command_and_nothing_it_did_is_held_against_the_device()
    {
        var device = await _server.EnrollAsync(Id);
        using (var copy = await device.ConnectAsync(From(Own, "the-copy")))
        {
            MqttClientPublishReasonCode code;
            for (var sequence = 1; ; sequence++)
            {
                code = await device.PublishAsync(copy, Topics.Telemetry, BatchOf(sequence, 30_000), FleetJson.Default.TelemetryBatch);
                if (code != MqttClientPublishReasonCode.Success) break;
            }
            Assert.Equal(MqttClientPublishReasonCode.QuotaExceeded, code);
        }
        using (var stop = new CancellationTokenSource())
        {
            var flood = Task.Run(() => FloodAsync(device, Own, stop.Token), stop.Token);
            await Eventually.TrueAsync("the device is kept out", async () => (await TrafficAsync())?.CutUntil is not null, Deadline);
            await stop.CancelAsync();
            await flood;
        }
        var refused = await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync(From(Own, "the-device")));
        Assert.Equal(MqttClientConnectResultCode.QuotaExceeded, refused.Code);

        var mended = await _server.EnrollWithAsync((await _server.ReturnTokenAsync(Id)).Token, Id);
        using var client = await mended.ConnectAsync(From(Own, "the-device"));
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await mended.PublishAsync(client, Topics.Telemetry, BatchOf(1), FleetJson.Default.TelemetryBatch));
        var ended = await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync(From(Own, "the-copy")));
        Assert.Contains("replaced by a newer one", ended.Message, StringComparison.Ordinal);
        Assert.True(client.IsConnected);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Copy_that_names_another_run_each_time_or_none_is_seen_all_the_same(bool named)
    {
        var device = await _server.EnrollAsync(Id);
        using var own = await device.ConnectAsync(From(Own, "the-device"));
        var copies = new List<IMqttClient>();
        // The server may hear of a takeover after the session that took over: it then counts with the next.
        for (var n = 0; n < 2 * SessionHistory.ManyTakeovers && !await IsSuspectedAsync(); n++)
            copies.Add(await device.ConnectAsync(From(Elsewhere, named ? $"run-{n}" : null)));
        await Eventually.TrueAsync("the device is a suspected clone", IsSuspectedAsync);
        copies.ForEach(copy => copy.Dispose());
    }

    private async Task<bool> IsSuspectedAsync() => (await _server.ViewAsync(Id)).Alarms.Any(alarm => alarm.Kind == "clone");

    private async Task<TrafficView?> TrafficAsync() => (await _server.ViewAsync(Id)).Traffic;

    /// <summary>Connects whenever it is let in, as another run each time, and sends what is refused until it is thrown out.</summary>
    private async Task FloodAsync(TestDevice device, string from, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using var client = await device.ConnectAsync(From(from, $"copy-{Interlocked.Increment(ref _runs)}"));
                await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
                {
                    while (client.IsConnected && !cancellationToken.IsCancellationRequested)
                        await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), "nonsense"u8.ToArray());
                }));
            }
            catch (Exception)
            {
                // Whatever it was, it goes on.
                await Task.Delay(10, CancellationToken.None);
            }
        }
    }

    private Action<MqttClientOptionsBuilder> From(string address, string? run) => options =>
    {
        var (host, port) = (_server.MqttAddress[0], int.Parse(_server.MqttAddress[1], System.Globalization.CultureInfo.InvariantCulture));
        options.WithTcpServer(tcp =>
        {
            tcp.RemoteEndpoint = new DnsEndPoint(host, port, System.Net.Sockets.AddressFamily.InterNetwork);
            tcp.AddressFamily = System.Net.Sockets.AddressFamily.InterNetwork;
            tcp.LocalEndpoint = new IPEndPoint(IPAddress.Parse(address), 0);
        });
        if (run is not null) options.WithUserProperty(ConnectProperties.Run, Encoding.ASCII.GetBytes(run));
    };

    private TelemetryBatch BatchOf(long sequence, int classes = 0) => new()
    {
        Sequence = sequence,
        From = _clock.GetUtcNow().AddSeconds(-10),
        To = _clock.GetUtcNow(),
        Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Count = 1, Classes = new long[classes] }],
    };
}
