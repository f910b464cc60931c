using Fleet.Agent.Enrollment;
using Fleet.Contracts.Protocol;
using Fleet.Platform;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace Fleet.Agent.Link;

/// <summary>Keeps the connection to the server, reconnects whenever it ends, and sends what waits while it stands.</summary>
internal sealed partial class ServerLink(
    DeviceCredentials credentials,
    DesiredInbox inbox,
    Outbox outbox,
    LinkOptions options,
    Random random,
    TimeProvider time,
    ILogger<ServerLink> logger) : BackgroundService
{
    /// <summary>How long the goodbye may take: the agent stops all the same, and the will speaks for it.</summary>
    private static readonly TimeSpan GoodbyeTime = TimeSpan.FromSeconds(5);

    /// <summary>Doublings of the wait while another session takes this one over each time.</summary>
    private const int TakeoverDoublings = 4;

    /// <summary>Names this run of the agent, so that the server can tell a device that starts again from two that take turns.</summary>
    private readonly string _run = random.NextInt64().ToString("x16", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>
    /// Connections in a row in which the server stored nothing: one that it takes and cannot serve must not be made every second.
    /// </summary>
    private int _failures;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        // One for each connection; MQTTnet reports the end of each once.
        var ended = new TaskCompletionSource<MqttClientDisconnectReason>();
        client.DisconnectedAsync += disconnected =>
        {
            ended.TrySetResult(disconnected.Reason);
            return Task.CompletedTask;
        };
        // The handler only hands over: the next message is delivered after it returns.
        client.ApplicationMessageReceivedAsync += message =>
        {
            if (Topics.ChannelOf(credentials.Identity.Device, message.ApplicationMessage.Topic) is Topics.Desired)
                inbox.Receive(message.ApplicationMessage.Payload);
            return Task.CompletedTask;
        };

        var takeovers = 0;
        while (true)
        {
            var stood = false;
            ended = new TaskCompletionSource<MqttClientDisconnectReason>(TaskCreationOptions.RunContinuationsAsynchronously);
            var reason = "the connection was closed";
            Exception? cause = null;
            try
            {
                await ConnectAsync(client, stoppingToken);
                stood = true;
                credentials.Arrived();
                LogConnected(credentials.Identity.Mqtt, credentials.Identity.Device.Value);
                if (credentials.Time.ClockProblem() is { } wrong) LogClock(wrong);
                await DrainAsync(client, ended.Task, stoppingToken);
            }
            catch (Exception e)
            {
                if (stoppingToken.IsCancellationRequested)
                {
                    // However the client puts it that it was stopped.
                    await LeaveAsync(client);
                    stoppingToken.ThrowIfCancellationRequested();
                }
                // Whatever it was, the answer is the same: wait and reconnect. An exception must not end the agent.
                (reason, cause) = (e.InnerException?.Message ?? e.Message, e);
            }
            if (client.IsConnected)
            {
                var disconnecting = client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
                await disconnecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            // What stood a moment ago is tried again first.
            if (!stood && _failures > 0) credentials.TryOther();
            _failures++;
            var isTakenOver = IsTakeover(ended.Task, cause);
            takeovers = isTakenOver ? takeovers + 1 : 0;
            var delay = isTakenOver
                ? TakeoverDelay(random, takeovers, options.MaximumReconnectDelay)
                : Backoff.Next(random, _failures, options.ReconnectDelay, options.MaximumReconnectDelay);
            if (isTakenOver) LogTakenOver(credentials.Identity.Device.Value, delay);
            else LogDisconnected(credentials.Identity.Mqtt, reason.TrimEnd('.'), delay);
            await Task.Delay(delay, time, stoppingToken);
        }
    }

    /// <summary>
    /// Whether a connection ended because of another one; while it was being made, the library throws that instead of telling.
    /// </summary>
    private static bool IsTakeover(Task<MqttClientDisconnectReason> ended, Exception? cause)
        => ended is { IsCompletedSuccessfully: true, Result: MqttClientDisconnectReason.SessionTakenOver }
            || (cause?.InnerException ?? cause)
                is MqttClientUnexpectedDisconnectReceivedException { ReasonCode: MqttDisconnectReasonCode.SessionTakenOver };

    /// <summary>
    /// The wait after another session with this identity took this one over. Long, and longer each time: coming back at once takes it over
    /// in turn, and neither would get anything done.
    /// </summary>
    internal static TimeSpan TakeoverDelay(Random random, int takeovers, TimeSpan first)
        => (0.5 + (random.NextDouble() / 2)) * Backoff.Bound(takeovers, first, first * (1 << TakeoverDoublings));

    /// <summary>Announces that the device leaves, so that the server need not wait for the will.</summary>
    private async Task LeaveAsync(IMqttClient client)
    {
        if (!client.IsConnected) return;
        using var limit = new CancellationTokenSource(GoodbyeTime);
        try
        {
            await PublishAsync(client, Topics.Presence, Presence(online: false), limit.Token);
            await client.DisconnectAsync(new MqttClientDisconnectOptions(), limit.Token);
        }
        catch (Exception e)
        {
            LogNotLeft(e.Message);
        }
    }

    private async Task<MqttClientPublishResult> PublishAsync(
        IMqttClient client, string channel, byte[] payload, CancellationToken cancellationToken)
        => await client.PublishAsync(
            new MqttApplicationMessageBuilder()
                .WithTopic(Topics.Of(credentials.Identity.Device, channel))
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            cancellationToken);

    [LoggerMessage(LogLevel.Error, "Another agent connected as {Device} and took this session over: its data folder was copied, or its key "
        + "was stolen. Stop the other one, or have an operator run 'fleet devices reenroll {Device}'. Trying again in {Delay}.")]
    private partial void LogTakenOver(string device, TimeSpan delay);

    [LoggerMessage(LogLevel.Warning, "No connection to {Server}: {Reason}. Trying again in {Delay}.")]
    private partial void LogDisconnected(string server, string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Debug, "The server was not told that this device leaves: {Reason}")]
    private partial void LogNotLeft(string reason);
}
