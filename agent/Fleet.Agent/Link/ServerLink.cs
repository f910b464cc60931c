using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Platform;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

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

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var client = new MqttClientFactory().CreateMqttClient();
        // One for each connection; MQTTnet reports the end of each once.
        var ended = new TaskCompletionSource();
        client.DisconnectedAsync += _ =>
        {
            ended.TrySetResult();
            return Task.CompletedTask;
        };
        // The handler only hands over: the next message is delivered after it returns.
        client.ApplicationMessageReceivedAsync += message =>
        {
            if (Topics.ChannelOf(credentials.Identity.Device, message.ApplicationMessage.Topic) is Topics.Desired)
                inbox.Receive(message.ApplicationMessage.Payload);
            return Task.CompletedTask;
        };

        var failures = 0;
        while (true)
        {
            ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var reason = "the connection was closed";
            try
            {
                await ConnectAsync(client, stoppingToken);
                failures = 0;
                LogConnected(credentials.Identity.Mqtt, credentials.Identity.Device.Value);
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
                reason = e.InnerException?.Message ?? e.Message;
            }
            if (client.IsConnected)
            {
                var disconnecting = client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
                await disconnecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            failures++;
            var delay = Backoff.Next(random, failures, options.ReconnectDelay, options.MaximumReconnectDelay);
            LogDisconnected(credentials.Identity.Mqtt, reason.TrimEnd('.'), delay);
            await Task.Delay(delay, time, stoppingToken);
        }
    }

    /// <summary>The options of a connection, built for each one: the certificate may have been renewed.</summary>
    internal static MqttClientOptions ConnectionOf(DeviceCredentials credentials, LinkOptions options)
    {
        var identity = credentials.Identity;
        var (host, port) = HostAndPort(identity.Mqtt);
        return new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(host, port)
            .WithClientId(identity.Device.Value)
            .WithCleanStart(false)
            .WithSessionExpiryInterval((uint)options.SessionExpiry.TotalSeconds)
            .WithKeepAlivePeriod(options.KeepAlive)
            .WithTimeout(options.Timeout)
            .WithMaximumPacketSize(Limits.DesiredStateBytes + 1024)
            .WithWillTopic(Topics.Of(identity.Device, Topics.Presence))
            .WithWillPayload(Presence(online: false))
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTlsOptions(tls => tls
                .UseTls()
                .WithTargetHost(host)
                .WithTrustChain([credentials.Authority])
                .WithRevocationMode(System.Security.Cryptography.X509Certificates.X509RevocationMode.NoCheck)
                .WithClientCertificates([credentials.Certificate]))
            .Build();
    }

    /// <summary>Splits <c>host:port</c>; an IPv6 address is in brackets.</summary>
    internal static (string Host, int Port) HostAndPort(string address)
    {
        var uri = new Uri("mqtts://" + address);
        return (uri.Host.Trim('[', ']'), uri.Port > 0 ? uri.Port : 8883);
    }

    private async Task ConnectAsync(IMqttClient client, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        var connected = await client.ConnectAsync(ConnectionOf(credentials, options), limit.Token);
        if (connected.ResultCode != MqttClientConnectResultCode.Success)
            throw new IOException($"the server refused the connection: {connected.ResultCode} {connected.ReasonString}");
        await PublishAsync(client, Topics.Presence, Presence(online: true), limit.Token);
        var device = credentials.Identity.Device;
        var subscribed = await client.SubscribeAsync(new MqttClientSubscribeOptionsBuilder()
            .WithTopicFilter(Topics.Of(device, Topics.Desired), MqttQualityOfServiceLevel.AtLeastOnce).Build(), limit.Token);
        // The granted codes are 0 to 2, the quality of service itself.
        if (subscribed.Items.FirstOrDefault()?.ResultCode is not <= MqttClientSubscribeResultCode.GrantedQoS2)
            throw new IOException($"the server refused the subscription: {subscribed.Items.FirstOrDefault()?.ResultCode}");
        // On every connect the device says what it has, and the server answers with what it should have.
        outbox.RepeatReported();
    }

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

    private static byte[] Presence(bool online) => JsonSerializer.SerializeToUtf8Bytes(new Presence(online), FleetJson.Default.Presence);

    [LoggerMessage(LogLevel.Information, "Connected to {Server} as {Device}.")]
    private partial void LogConnected(string server, string device);

    [LoggerMessage(LogLevel.Warning, "No connection to {Server}: {Reason}. Trying again in {Delay}.")]
    private partial void LogDisconnected(string server, string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Debug, "The server was not told that this device leaves: {Reason}")]
    private partial void LogNotLeft(string reason);
}
