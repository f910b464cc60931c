using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>Sends to one device: straight into its session, which costs the same however many devices are connected.</summary>
internal sealed class DeviceOutbox(MqttServer broker)
{
    /// <summary>Sends a message with at least one delivery while the connection lasts.</summary>
    /// <returns>False when the device is not connected, or takes nothing any more.</returns>
    public async Task<bool> SendAsync(DeviceId device, string channel, byte[] payload)
    {
        MqttSessionStatus session;
        try
        {
            session = await broker.GetSessionAsync(device.Value);
        }
        // The broker's way to say that there is no such session, or that it is not running.
        catch (InvalidOperationException)
        {
            return false;
        }
        var message = new MqttApplicationMessageBuilder()
            .WithTopic(Topics.Of(device, channel))
            .WithPayload(payload)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .Build();
        return session.TryEnqueueApplicationMessage(message, out _);
    }

    /// <summary>Ends a device's connection at once.</summary>
    public async Task DisconnectAsync(
        DeviceId device, string reason, MqttDisconnectReasonCode code = MqttDisconnectReasonCode.NotAuthorized)
    {
        try
        {
            var notice = new MqttServerClientDisconnectOptions
            {
                ReasonCode = code,
                ReasonString = reason,
            };
            await broker.DisconnectClientAsync(device.Value, notice);
        }
        // The broker's way to say that it is not connected.
        catch (InvalidOperationException)
        {
        }
    }
}
