using System.Buffers;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Server.Messaging;
using Fleet.TestKit;
using MQTTnet;

namespace Fleet.Server.Tests.Messaging;

public sealed class PacketLimitTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Theory]
    [InlineData(new byte[] { 0xc0, 0x00 }, 2L)]
    [InlineData(new byte[] { 0x30, 0x7f }, 129L)]
    [InlineData(new byte[] { 0x30, 0x80, 0x01 }, 131L)]
    [InlineData(new byte[] { 0x30, 0xff, 0xff, 0xff, 0x7f }, 268435460L)]
    [InlineData(new byte[] { 0x30, 0xff, 0xff, 0xff, 0xff, 0x01 }, long.MaxValue)]
    [InlineData(new byte[] { 0x30 }, null)]
    [InlineData(new byte[] { 0x30, 0x80 }, null)]
    [InlineData(new byte[0], null)]
    public void Length_of_a_packet_is_read_from_its_first_bytes(byte[] bytes, long? expected)
        => Assert.Equal(expected, PacketLimit.PacketLength(new ReadOnlySequence<byte>(bytes)));

    [Fact]
    public async Task Packet_over_the_limit_cuts_the_connection()
    {
        var device = await server.EnrollAsync("large");
        using var client = await device.ConnectAsync();
        var gone = new TaskCompletionSource();
        client.DisconnectedAsync += _ => Task.FromResult(gone.TrySetResult());
        await Assert.ThrowsAnyAsync<Exception>(
            () => TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Presence), new byte[Limits.MqttPacketBytes]));
        await gone.Task.WaitAsync(Eventually.DefaultDeadline);
    }

    [Fact]
    public async Task Packet_at_the_limit_is_read_and_refused_for_its_own_limit()
    {
        var device = await server.EnrollAsync("almost");
        using var client = await device.ConnectAsync();
        // Header 4, topic 2 and its length, packet id 2, no properties 1.
        var topic = Topics.Of(device.Id, Topics.Presence);
        var result = await TestDevice.PublishAsync(client, topic, new byte[Limits.MqttPacketBytes - 4 - 2 - topic.Length - 2 - 1]);
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, result.ReasonCode);
        Assert.True(client.IsConnected);
    }
}
