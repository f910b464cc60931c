using System.Buffers;
using System.Collections.Frozen;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Storage;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>
/// Takes what devices publish and hands it to the room of its channel. The broker never routes it: looking for subscribers costs
/// more with every connected device, and nobody but the server listens. The acknowledgement goes out when this returns, so it
/// means "stored".
/// </summary>
internal sealed partial class DeviceInbox(
    IEnumerable<IDeviceMessageHandler> handlers, IEnumerable<IConnectionObserver> observers, DeviceTraffic traffic,
    ILogger<DeviceInbox> logger)
{
    /// <summary>A message that is not stored by then is not acknowledged; the device sends it again.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly FrozenDictionary<string, IDeviceMessageHandler> _handlers = handlers.ToFrozenDictionary(handler => handler.Channel);
    private readonly IConnectionObserver[] _observers = [.. observers];

    /// <summary>Handles one message. Throws nothing: a broken message or room must not end the connection.</summary>
    public async Task InterceptAsync(InterceptingPublishEventArgs publish)
    {
        publish.ProcessPublish = false;
        var topic = publish.ApplicationMessage.Topic ?? "";
        if (DeviceAdmission.DeviceOf(publish.SessionItems) is not { } device || !Topics.MayPublish(device, topic))
        {
            if (DeviceAdmission.DeviceOf(publish.SessionItems) is { } stranger)
                traffic.Refused(
                    stranger, DeviceAdmission.OriginOf(publish.SessionItems),
                    $"it may not publish to {DeviceAdmission.Shorten(topic)}, which is not its own");
            LogForeign(publish.ClientId, DeviceAdmission.Shorten(topic));
            publish.Response.ReasonCode = MqttPubAckReasonCode.NotAuthorized;
            return;
        }
        publish.Response.ReasonCode = await HandleAsync(device, Topics.ChannelOf(device, topic).ToString(), publish);
    }

    private async Task<MqttPubAckReasonCode> HandleAsync(DeviceId device, string channel, InterceptingPublishEventArgs publish)
    {
        var message = publish.ApplicationMessage;
        if (!_handlers.TryGetValue(channel, out var handler) || message.Retain)
        {
            Refuse(device, publish, channel, message.Retain ? "retained messages are not kept" : "this channel is not known");
            return MqttPubAckReasonCode.ImplementationSpecificError;
        }
        if (message.Payload.Length > handler.MaximumBytes)
        {
            // Sent again it would be as long: the device is told that this payload will never be taken.
            Refuse(device, publish, channel, $"it has {message.Payload.Length:#,0} bytes; at most {handler.MaximumBytes:#,0} are accepted");
            return MqttPubAckReasonCode.PayloadFormatInvalid;
        }
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(publish.CancellationToken);
        deadline.CancelAfter(Deadline);
        try
        {
            if (await handler.HandleAsync(device, message.Payload.ToArray(), deadline.Token) is { } refusal)
            {
                Refuse(device, publish, channel, refusal.Reason);
                return refusal.IsForGood ? MqttPubAckReasonCode.PayloadFormatInvalid : MqttPubAckReasonCode.QuotaExceeded;
            }
            foreach (var observer in _observers) observer.Heard(device);
            return MqttPubAckReasonCode.Success;
        }
        catch (OperationCanceledException) when (publish.CancellationToken.IsCancellationRequested)
        {
            return MqttPubAckReasonCode.UnspecifiedError;
        }
        catch (StoreException e) when (e.Failure is not StoreFailure.Corrupt)
        {
            // The store and /health tell of it once; a fleet repeats it for every message.
            LogNotStored(device, channel, e.Message);
            // Telemetry can wait where it is. Told that something failed, a device would connect anew at once, and a whole fleet with it.
            return channel == Topics.Telemetry && e.Failure is StoreFailure.Full
                ? MqttPubAckReasonCode.QuotaExceeded
                : MqttPubAckReasonCode.UnspecifiedError;
        }
        // Whatever a room throws: the device keeps the message and sends it again, others are served meanwhile.
        catch (Exception e)
        {
            LogFailed(device, channel, e);
            return MqttPubAckReasonCode.UnspecifiedError;
        }
    }

    private void Refuse(DeviceId device, InterceptingPublishEventArgs publish, string channel, string reason)
    {
        traffic.Refused(device, DeviceAdmission.OriginOf(publish.SessionItems), $"{channel}: {reason}");
        LogRefused(device, channel, reason);
    }

    [LoggerMessage(LogLevel.Warning, "Device {Device} may not publish to {Topic}, which is not its own")]
    private partial void LogForeign(string device, string topic);

    [LoggerMessage(LogLevel.Warning, "A {Channel} message of device {Device} was refused: {Reason}")]
    private partial void LogRefused(DeviceId device, string channel, string reason);

    [LoggerMessage(LogLevel.Debug, "A {Channel} message of device {Device} is not stored; the device will send it again. {Reason}")]
    private partial void LogNotStored(DeviceId device, string channel, string reason);

    [LoggerMessage(LogLevel.Error, "A {Channel} message of device {Device} could not be stored; the device will send it again")]
    private partial void LogFailed(DeviceId device, string channel, Exception exception);
}
