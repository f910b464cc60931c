using Fleet.Contracts;
using Fleet.Contracts.Devices;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace Fleet.Server.Messaging;

/// <summary>
/// Holds a device to its share. Its packets are read one after another, so that one which has to wait holds back all that follow, down to
/// the device's own socket; nothing piles up here.
/// </summary>
internal sealed partial class DeviceQuota(
    DeviceTraffic traffic, DeviceOutbox outbox, MessagingOptions options, TimeProvider time, ILogger<DeviceQuota> logger)
{
    /// <summary>Counts a packet, and waits as long as its sender has to.</summary>
    public async Task InterceptAsync(InterceptingPacketEventArgs packet)
    {
        if (DeviceAdmission.DeviceOf(packet.SessionItems) is not { } device) return;
        var from = Origin.Of(packet.RemoteEndPoint);
        if (TopicsOf(packet.Packet) is > Limits.SubscriptionsPerDevice and var topics)
        {
            traffic.Cut(device, from);
            await CutAsync(device, packet, MqttDisconnectReasonCode.QuotaExceeded,
                $"it names {topics} topics at once; at most {Limits.SubscriptionsPerDevice} are accepted");
            return;
        }
        var verdict = traffic.Charge(device, from, CostOf(packet.Packet), BytesOf(packet.Packet));
        if (verdict.BeginsToBeSlowed) LogSlowed(device, options.PacketsPerSecond, options.BytesPerSecond);
        if (verdict.IsCut)
        {
            await CutAsync(device, packet, MqttDisconnectReasonCode.MessageRateTooHigh,
                $"it sent more than {options.PacketsPerSecond} packets or {options.BytesPerSecond:#,0} bytes a second for "
                    + $"{options.SlowedAtMost:c}");
            return;
        }
        if (verdict.Wait > TimeSpan.Zero) await Task.Delay(verdict.Wait, time, packet.CancellationToken);
    }

    private static int TopicsOf(MqttPacket packet) => packet switch
    {
        MqttSubscribePacket subscribe => subscribe.TopicFilters.Count,
        MqttUnsubscribePacket unsubscribe => unsubscribe.TopicFilters.Count,
        _ => 0,
    };

    // Who subscribes is sent its desired state.
    private static int CostOf(MqttPacket packet) => packet is MqttSubscribePacket ? DeviceTraffic.CostOfMuch : 1;

    private static long BytesOf(MqttPacket packet) => packet is MqttPublishPacket publish ? publish.Payload.Length : 0;

    private async Task CutAsync(DeviceId device, InterceptingPacketEventArgs packet, MqttDisconnectReasonCode code, string reason)
    {
        packet.ProcessPacket = false;
        // A connection that was taken over meanwhile has ended: its successor, which may be somebody else's, is not to pay for it.
        if (packet.CancellationToken.IsCancellationRequested) return;
        LogCut(device, reason, options.CutFor);
        await outbox.DisconnectAsync(device, reason, code);
    }

    [LoggerMessage(LogLevel.Warning, "Device {Device} sends more than {Packets} packets or {Bytes} bytes a second and is slowed")]
    private partial void LogSlowed(DeviceId device, int packets, int bytes);

    [LoggerMessage(LogLevel.Warning, "Device {Device} is cut: {Reason}. It is kept out for {CutFor}")]
    private partial void LogCut(DeviceId device, string reason, TimeSpan cutFor);
}
