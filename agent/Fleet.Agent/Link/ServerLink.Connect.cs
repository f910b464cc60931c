using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Network;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Fleet.Agent.Link;

/// <summary>The part that connects.</summary>
internal sealed partial class ServerLink
{
    /// <summary>The options of a connection, built for each one: the certificate may have been renewed.</summary>
    internal static MqttClientOptions ConnectionOf(DeviceCredentials credentials, LinkOptions options, string run)
    {
        var identity = credentials.Identity;
        var (host, port) = HostAndPort(identity.Mqtt);
        return new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(host, port)
            .WithStreamProvider(new BrokerWay(new ConnectTunnel(credentials.Proxies)))
            .WithClientId(identity.Device.Value)
            .WithCleanStart(false)
            .WithSessionExpiryInterval((uint)options.SessionExpiry.TotalSeconds)
            .WithKeepAlivePeriod(options.KeepAlive)
            .WithUserProperty(ConnectProperties.Run, System.Text.Encoding.ASCII.GetBytes(run))
            .WithTimeout(options.Timeout)
            .WithMaximumPacketSize(Limits.DesiredStateBytes + 1024)
            .WithWillTopic(Topics.Of(identity.Device, Topics.Presence))
            .WithWillPayload(Presence(online: false))
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTlsOptions(tls => tls
                .UseTls()
                .WithTargetHost(host)
                .WithCertificateValidationHandler(
                    shown => credentials.IsServer(shown, shown.Certificate, shown.Chain, shown.SslPolicyErrors))
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
        var connected = await client.ConnectAsync(ConnectionOf(credentials, options, _run), limit.Token);
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

    private static byte[] Presence(bool online) => JsonSerializer.SerializeToUtf8Bytes(new Presence(online), WireJson.Default.Presence);

    [LoggerMessage(LogLevel.Warning, "{Problem}.")]
    private partial void LogClock(string problem);

    [LoggerMessage(LogLevel.Information, "Connected to {Server} as {Device}.")]
    private partial void LogConnected(string server, string device);
}
