using System.Net;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Certificates;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>Who may connect, and who may publish and subscribe where.</summary>
internal sealed partial class DeviceAdmission(
    CertificateAuthority authority, IDeviceGate gate, DeviceTraffic traffic, DeviceKeys keys, RefusedConnections refused,
    SessionTurns turns, DeviceOutbox outbox, ILogger<DeviceAdmission> logger)
{
    private const string DeviceItem = "device";
    private const string CertificateItem = "certificate";
    private const string OriginItem = "origin";
    private const int MaximumKeepAliveSeconds = 12 * 3600;
    private const int MaximumRunLength = 64;

    /// <summary>Judges a connection. The certificate's name is the device; the client id must say the same.</summary>
    public async Task ValidateAsync(ValidatingConnectionEventArgs connection)
    {
        var device = authority.DeviceOf(connection.ClientCertificate);
        var (code, reason) = device is { } known
            ? await JudgeAsync(known, connection)
            : (MqttConnectReasonCode.NotAuthorized, "it showed no device certificate that this server issued");
        connection.ReasonCode = code;
        if (code == MqttConnectReasonCode.Success)
        {
            connection.SessionItems[DeviceItem] = device!.Value;
            connection.SessionItems[CertificateItem] = connection.ClientCertificate;
            keys.Shown(device.Value, connection.ClientCertificate);
            return;
        }
        connection.ReasonString = reason;
        refused.Add(new RefusedConnection(device?.Value, connection.ClientId, connection.RemoteEndPoint, reason));
        LogRefused(connection.ClientId, connection.RemoteEndPoint, reason);
    }

    /// <summary>
    /// Judges a session once more that has begun. What was revoked between its admission and this moment had no session to end; from now on
    /// a revocation finds it.
    /// </summary>
    public async Task ConnectedAsync(ClientConnectedEventArgs session)
    {
        // Here, for a session that is taken over keeps its items.
        session.SessionItems[OriginItem] = Origin.Of(session.RemoteEndPoint);
        if (DeviceOf(session.SessionItems) is not { } device || session.SessionItems[CertificateItem] is not X509Certificate2 shown) return;
        if (await gate.WhyRefusedAsync(device, shown, CancellationToken.None) is not { } reason) return;
        LogRefused(session.ClientId, session.RemoteEndPoint, reason);
        await outbox.DisconnectAsync(device, $"{char.ToUpperInvariant(reason[0])}{reason[1..]}.");
    }

    /// <summary>The device of a session that was admitted.</summary>
    public static DeviceId? DeviceOf(System.Collections.IDictionary sessionItems) => sessionItems[DeviceItem] as DeviceId?;

    /// <summary>Where the connection of a session comes from.</summary>
    public static Origin OriginOf(System.Collections.IDictionary sessionItems)
        => sessionItems[OriginItem] is Origin from ? from : default;

    /// <summary>What a device calls the run of its program; null when it does not say, or at a length that nobody needs.</summary>
    public static string? RunOf(List<MqttUserProperty>? properties)
    {
        var run = properties?.Find(property => property.Name == ConnectProperties.Run)?.ReadValueAsString();
        return run is { Length: > 0 and <= MaximumRunLength } ? run : null;
    }

    /// <summary>Judges a subscription.</summary>
    public Task InterceptSubscriptionAsync(InterceptingSubscriptionEventArgs subscription)
    {
        if (DeviceOf(subscription.SessionItems) is { } device && Topics.MaySubscribe(device, subscription.TopicFilter.Topic))
            return Task.CompletedTask;
        subscription.ProcessSubscription = false;
        subscription.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
        if (DeviceOf(subscription.SessionItems) is { } stranger)
            traffic.Refused(stranger, OriginOf(subscription.SessionItems),
                $"it may not subscribe to {Shorten(subscription.TopicFilter.Topic)}, which is not its own");
        LogForeignSubscription(subscription.ClientId, Shorten(subscription.TopicFilter.Topic));
        return Task.CompletedTask;
    }

    /// <summary>A topic for the log: what a stranger sends is not written out at any length.</summary>
    public static string Shorten(string topic) => topic.Length <= Limits.TopicLength ? topic : topic[..Limits.TopicLength] + "…";

    private async Task<(MqttConnectReasonCode Code, string Reason)> JudgeAsync(DeviceId device, ValidatingConnectionEventArgs connection)
    {
        // An acknowledgement of MQTT 3 cannot say no: a device would take a refused message for a stored one.
        if (connection.ProtocolVersion != MqttProtocolVersion.V500)
            return (MqttConnectReasonCode.UnsupportedProtocolVersion, "it speaks MQTT of a version before 5");
        if (connection.ClientId != device.Value)
            return (MqttConnectReasonCode.ClientIdentifierNotValid, $"its certificate is that of device {device}");
        // Before anything is charged to the device: whoever shows a certificate that counts no more must not use up its share.
        if (await gate.WhyRefusedAsync(device, connection.ClientCertificate, connection.CancellationToken) is { } reason)
            return (MqttConnectReasonCode.NotAuthorized, reason);
        var from = Origin.Of(connection.RemoteEndPoint);
        if (traffic.CutUntil(device, from) is { } until)
            return (MqttConnectReasonCode.QuotaExceeded, $"it sent too much and is kept out until {until:u}");
        if (traffic.Charge(device, from, DeviceTraffic.CostOfMuch, 0).Wait > TimeSpan.Zero)
            return (MqttConnectReasonCode.ConnectionRateExceeded, "it connects more often than it may");
        // Without keep-alive a device whose link died would be online for ever.
        if (connection.KeepAlivePeriod is null or 0 or > MaximumKeepAliveSeconds)
            return (MqttConnectReasonCode.ImplementationSpecificError, $"its keep-alive is {connection.KeepAlivePeriod ?? 0} s and must "
                + $"be within 1..{MaximumKeepAliveSeconds}");
        return turns.Take(device, from) is { } end
            ? (MqttConnectReasonCode.ServerBusy, $"this identity is in use twice, and another session has its turn until {end:u}")
            : (MqttConnectReasonCode.Success, "");
    }

    [LoggerMessage(LogLevel.Warning, "A connection of {ClientId} from {Address} was refused: {Reason}")]
    private partial void LogRefused(string? clientId, EndPoint? address, string reason);

    [LoggerMessage(LogLevel.Warning, "Device {Device} may not subscribe to {Topic}, which is not its own")]
    private partial void LogForeignSubscription(string device, string topic);
}
