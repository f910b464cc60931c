using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;

namespace Fleet.Server.Tests.Storm;

/// <summary>A packet of MQTT as it came.</summary>
/// <param name="Header">Its first byte: type and flags.</param>
/// <param name="Body">What follows the length.</param>
internal readonly record struct MqttPacketBytes(byte Header, byte[] Body)
{
    /// <summary>The type, the upper half of the first byte.</summary>
    public MqttType Type => (MqttType)(Header >> 4);
}

/// <summary>The types of MQTT packets that a device sends or gets.</summary>
internal enum MqttType
{
    Connect = 1,
    ConnectAnswer = 2,
    Publish = 3,
    PublishAnswer = 4,
    Subscribe = 8,
    SubscribeAnswer = 9,
    Ping = 12,
    PingAnswer = 13,
    Disconnect = 14,
}

/// <summary>
/// A connection of MQTT 5 over TLS, written by hand: a client library's tasks and buffers, six thousand times in one process, would be what
/// is measured. It holds no buffer while nothing arrives, and counts the bytes of the socket.
/// </summary>
internal sealed class MqttLine : IDisposable
{
    private const byte AtLeastOnce = 0b0010;
    private readonly CountedStream _socket;
    private readonly SslStream _stream;
    private readonly PipeReader _reader;
    private readonly SemaphoreSlim _writing = new(1);

    private MqttLine(CountedStream socket, SslStream stream)
    {
        (_socket, _stream) = (socket, stream);
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true));
    }

    /// <summary>Bytes that came over the socket so far, those of TLS included.</summary>
    public long Received => _socket.Received;

    /// <summary>Connects, and shows the device's certificate.</summary>
    public static async Task<MqttLine> OpenAsync(
        string host, int port, SslClientAuthenticationOptions tls, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, cancellationToken);
            var counted = new CountedStream(socket);
            var stream = new SslStream(counted);
            await stream.AuthenticateAsClientAsync(tls, cancellationToken);
            return new MqttLine(counted, stream);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>CONNECT as the agent sends it: its session may be kept, its will says that it has gone.</summary>
    public static byte[] Connect(DeviceId device, string run, TimeSpan keepAlive, byte[] will)
        => Packet((byte)MqttType.Connect << 4, body =>
        {
            Text(body, "MQTT");
            // Version 5; a will that is delivered at least once.
            Bytes(body, 5, 0b0000_1100);
            Number(body, (int)keepAlive.TotalSeconds);
            Properties(body, properties =>
            {
                Bytes(properties, 0x11, 0, 1, 0x51, 0x80);
                Bytes(properties, 0x27);
                Number(properties, (Limits.DesiredStateBytes + 1024) >> 16);
                Number(properties, (Limits.DesiredStateBytes + 1024) & 0xffff);
                Bytes(properties, 0x26);
                Text(properties, ConnectProperties.Run);
                Text(properties, run);
            });
            Text(body, device.Value);
            Properties(body, _ => { });
            Text(body, Topics.Of(device, Topics.Presence));
            Number(body, will.Length);
            body.Write(will);
        });

    /// <summary>PUBLISH, to be acknowledged.</summary>
    public static byte[] Publish(string topic, ushort id, ReadOnlyMemory<byte> payload)
        => Packet(((byte)MqttType.Publish << 4) | AtLeastOnce, body =>
        {
            Text(body, topic);
            Number(body, id);
            Properties(body, _ => { });
            body.Write(payload.Span);
        });

    /// <summary>SUBSCRIBE to one topic.</summary>
    public static byte[] Subscribe(string topic, ushort id) => Packet(((byte)MqttType.Subscribe << 4) | AtLeastOnce, body =>
    {
        Number(body, id);
        Properties(body, _ => { });
        Text(body, topic);
        Bytes(body, 1);
    });

    /// <summary>The topic and payload of a PUBLISH, and what its acknowledgement repeats.</summary>
    public static (string Topic, ushort Id, ReadOnlyMemory<byte> Payload) Read(MqttPacketBytes publish)
    {
        var body = publish.Body;
        var topic = BinaryPrimitives.ReadUInt16BigEndian(body);
        var id = BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(2 + topic));
        var properties = 4 + topic;
        // Properties of a message of the server are shorter than 128 bytes: their length is one byte.
        return (Encoding.UTF8.GetString(body, 2, topic), id, body.AsMemory(properties + 1 + body[properties]));
    }

    /// <summary>Acknowledges a PUBLISH.</summary>
    public Task AcknowledgeAsync(ushort id, CancellationToken cancellationToken)
        => SendAsync(new byte[] { (byte)MqttType.PublishAnswer << 4, 2, (byte)(id >> 8), (byte)id }, cancellationToken);

    /// <summary>Says that it is still there.</summary>
    public Task PingAsync(CancellationToken cancellationToken) => SendAsync(new byte[] { (byte)MqttType.Ping << 4, 0 }, cancellationToken);

    /// <summary>Sends a packet; one at a time.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> packet, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try { await _stream.WriteAsync(packet, cancellationToken); }
        finally { _writing.Release(); }
    }

    /// <summary>The next packet.</summary>
    /// <exception cref="EndOfStreamException">The server ended the connection.</exception>
    public async Task<MqttPacketBytes> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(cancellationToken);
            if (TryRead(read.Buffer, out var packet, out var end))
            {
                _reader.AdvanceTo(end);
                return packet;
            }
            if (read.IsCompleted) throw new EndOfStreamException("the connection was closed");
            _reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _writing.Dispose();
    }

    private static bool TryRead(ReadOnlySequence<byte> bytes, out MqttPacketBytes packet, out SequencePosition end)
    {
        (packet, end) = (default, default);
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryRead(out var header)) return false;
        var (length, shift) = (0, 0);
        for (byte part = 0x80; (part & 0x80) != 0; shift += 7)
        {
            if (!reader.TryRead(out part)) return false;
            length |= (part & 0x7f) << shift;
        }
        if (reader.Remaining < length) return false;
        packet = new MqttPacketBytes(header, reader.UnreadSequence.Slice(0, length).ToArray());
        end = reader.UnreadSequence.GetPosition(length);
        return true;
    }

    private static byte[] Packet(int header, Action<ArrayBufferWriter<byte>> write)
    {
        var (packet, body) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        write(body);
        Bytes(packet, (byte)header);
        Length(packet, body.WrittenCount);
        packet.Write(body.WrittenSpan);
        return packet.WrittenSpan.ToArray();
    }

    private static void Properties(ArrayBufferWriter<byte> to, Action<ArrayBufferWriter<byte>> write)
    {
        var properties = new ArrayBufferWriter<byte>();
        write(properties);
        Length(to, properties.WrittenCount);
        to.Write(properties.WrittenSpan);
    }

    private static void Length(ArrayBufferWriter<byte> to, int length)
    {
        for (; length > 0x7f; length >>= 7) Bytes(to, (byte)(length | 0x80));
        Bytes(to, (byte)length);
    }

    private static void Text(ArrayBufferWriter<byte> to, string text)
    {
        Number(to, Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, to);
    }

    private static void Bytes(ArrayBufferWriter<byte> to, params ReadOnlySpan<byte> bytes) => to.Write(bytes);

    private static void Number(ArrayBufferWriter<byte> to, int number) => Bytes(to, (byte)(number >> 8), (byte)number);

    /// <summary>A socket's stream that counts what arrives.</summary>
    private sealed class CountedStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        public long Received { get; private set; }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            Received += read;
            return read;
        }
    }
}
