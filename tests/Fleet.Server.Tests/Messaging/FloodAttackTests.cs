using System.Diagnostics;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Messaging;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Fleet.Server.Telemetry;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using MQTTnet;
using MQTTnet.Protocol;

namespace Fleet.Server.Tests.Messaging;

/// <summary>One device sends more than its share: it is slowed, then cut, and nobody else notices.</summary>
public sealed class FloodAttackTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    private static readonly MessagingOptions Tight = new()
    {
        PacketsPerSecond = 20,
        PacketBurst = 100,
        BytesPerSecond = 1 << 20,
        ByteBurst = 1 << 20,
        SlowedAtMost = TimeSpan.FromSeconds(3),
        CutFor = TimeSpan.FromSeconds(2),
    };

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);

    [Fact]
    public async Task Device_that_floods_is_slowed_and_cut_with_the_reason_while_others_are_served()
    {
        await using var server = await ServerAsync(Tight);
        var (flooder, honest) = (await server.EnrollAsync("flooder"), await server.EnrollAsync("honest"));
        using var served = await honest.ConnectAsync();
        using var flooding = await flooder.ConnectAsync();
        var cut = new TaskCompletionSource<MqttClientDisconnectedEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        flooding.DisconnectedAsync += args =>
        {
            cut.TrySetResult(args);
            return Task.CompletedTask;
        };

        var watch = Stopwatch.StartNew();
        var acknowledged = 0;
        var flood = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            while (!cut.Task.IsCompleted)
            {
                await flooder.PublishAsync(flooding, Topics.Presence, new Presence(true), FleetJson.Default.Presence);
                Interlocked.Increment(ref acknowledged);
            }
        })).ToList();
        while (!cut.Task.IsCompleted)
        {
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await honest.PublishAsync(served, Topics.Presence, new Presence(true), FleetJson.Default.Presence));
            await Task.WhenAny(cut.Task, Task.Delay(200));
            Assert.True(watch.Elapsed < Deadline, "The device was never cut.");
        }
        var elapsed = watch.Elapsed;
        await Task.WhenAll(flood).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

        Assert.Equal(MqttClientDisconnectReason.MessageRateTooHigh, (await cut.Task).Reason);
        Assert.Contains("more than 20 packets", (await cut.Task).ReasonString, StringComparison.Ordinal);
        // Never more than its share, whatever it tries.
        Assert.InRange(acknowledged, 1, Tight.PacketBurst + Tight.PacketsPerSecond * elapsed.TotalSeconds);

        var refused = await Assert.ThrowsAsync<RefusedException>(() => flooder.ConnectAsync());
        Assert.Equal(MqttClientConnectResultCode.QuotaExceeded, refused.Code);
        using var back = await Eventually.ValueAsync("the device is let in again", async () =>
        {
            try
            {
                return await flooder.ConnectAsync();
            }
            catch (RefusedException)
            {
                return null;
            }
        }, Deadline);
    }

    [Fact]
    public async Task Megabytes_of_telemetry_arrive_no_faster_than_the_share_of_one_device()
    {
        await using var server = await ServerAsync(Tight with { SlowedAtMost = TimeSpan.FromHours(1) });
        var device = await server.EnrollAsync("heavy");
        using var client = await device.ConnectAsync();
        const int bytes = 4 << 20;
        // Not telemetry: even what is refused is counted by its bytes.
        var payload = new byte[Limits.TelemetryBatchBytes];
        var watch = Stopwatch.StartNew();
        for (var sent = 0; sent < bytes; sent += payload.Length)
            await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), payload);
        Assert.True(watch.Elapsed >= TimeSpan.FromSeconds(2.9), $"4 MiB were taken within {watch.Elapsed}.");
        var traffic = (await server.ViewAsync("heavy")).Traffic!;
        Assert.Equal(bytes / payload.Length, traffic.Refused);
        Assert.Contains("it is not telemetry", traffic.LastRefusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Thousands_of_subscriptions_in_one_packet_end_the_connection_with_the_reason()
    {
        await using var server = await ServerAsync(new MessagingOptions());
        var device = await server.EnrollAsync("listener");
        using var client = await device.ConnectAsync();
        var cut = new TaskCompletionSource<MqttClientDisconnectedEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.DisconnectedAsync += args =>
        {
            cut.TrySetResult(args);
            return Task.CompletedTask;
        };
        // At the limit each topic gets its answer, which is no: none of them is the device's.
        var answers = await client.SubscribeAsync(Filters(Limits.SubscriptionsPerDevice));
        Assert.All(answers.Items, item => Assert.Equal(MqttClientSubscribeResultCode.NotAuthorized, item.ResultCode));
        await Task.WhenAny(client.SubscribeAsync(Filters(Limits.SubscriptionsPerDevice + 1)));
        var ended = await cut.Task.WaitAsync(Deadline);
        Assert.Equal(MqttClientDisconnectReason.QuotaExceeded, ended.Reason);
        Assert.Contains("names 17 topics at once", ended.ReasonString, StringComparison.Ordinal);

        MqttClientSubscribeOptions Filters(int count)
        {
            var subscribe = new MqttClientSubscribeOptionsBuilder();
            for (var n = 0; n < count; n++) subscribe.WithTopicFilter($"fleet/v1/{device.Id}/t{n}");
            return subscribe.Build();
        }
    }

    [Fact]
    public async Task Subscribing_again_and_again_does_not_multiply_the_desired_state()
    {
        await using var server = await ServerAsync(Tight with { SlowedAtMost = TimeSpan.FromHours(1) });
        var device = await server.EnrollAsync("greedy");
        var (client, desired) = await device.ListenAsync();
        using var connected = client;
        var watch = Stopwatch.StartNew();
        for (var n = 0; n < 10; n++)
            await client.SubscribeAsync(Topics.Of(device.Id, Topics.Desired), MqttQualityOfServiceLevel.AtLeastOnce);
        // Each stands for twenty packets: of 220, a hundred are there at once and twenty a second after that.
        Assert.True(watch.Elapsed >= TimeSpan.FromSeconds(4), $"Eleven subscriptions took {watch.Elapsed}.");
        var told = 0;
        while (desired.TryRead(out _)) told++;
        Assert.InRange(told, 1, 11);
    }

    [Fact]
    public async Task Telemetry_past_what_is_stored_in_a_day_stays_on_the_device_and_reports_go_on()
    {
        const long most = 1 << 20;
        await using var server = new RunningServer(services => services.AddSingleton(provider => new TelemetryBudget(
            provider.GetRequiredService<IFleetStore>(),
            provider.GetRequiredService<FleetOptions>() with { TelemetryBytesPerDay = most }, _clock)));
        await server.InitializeAsync();
        var device = await server.EnrollAsync("talkative");
        using var client = await device.ConnectAsync();
        var stored = 0L;
        MqttClientPublishReasonCode code;
        long sequence = 0;
        do
        {
            var batch = JsonOf(++sequence);
            code = (await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), batch)).ReasonCode;
            if (code == MqttClientPublishReasonCode.Success) stored += batch.Length;
        }
        while (code == MqttClientPublishReasonCode.Success && sequence < 100);
        Assert.Equal(MqttClientPublishReasonCode.QuotaExceeded, code);
        Assert.InRange(stored, most / 2, most);
        Assert.Equal(MqttClientPublishReasonCode.Success,
            await device.PublishAsync(client, Topics.Reported, TestDevice.Report(0), FleetJson.Default.ReportedState));

        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(MqttClientPublishReasonCode.Success,
            (await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), JsonOf(sequence))).ReasonCode);
    }

    /// <summary>A batch of some 60 kB, such as one of a classifier with very many classes.</summary>
    private static byte[] JsonOf(long sequence) => JsonSerializer.SerializeToUtf8Bytes(new TelemetryBatch
    {
        Sequence = sequence,
        From = DateTimeOffset.UnixEpoch,
        To = DateTimeOffset.UnixEpoch,
        Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Classes = new long[30_000] }],
    }, FleetJson.Default.TelemetryBatch);

    private static async Task<RunningServer> ServerAsync(MessagingOptions options)
    {
        var server = new RunningServer(services => services.AddSingleton(options));
        await server.InitializeAsync();
        return server;
    }
}
