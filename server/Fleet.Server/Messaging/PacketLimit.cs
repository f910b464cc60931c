using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Server.Messaging;

/// <summary>
/// Cuts a connection whose next MQTT packet is larger than allowed, before it is collected: the broker itself would keep up to
/// 256 MiB of it in memory. Sound because the broker consumes whole packets only, so that every read begins at a fixed header.
/// </summary>
internal static class PacketLimit
{
    /// <summary>Refuses packets of more than <paramref name="maximumBytes"/>.</summary>
    public static IConnectionBuilder UsePacketLimit(this IConnectionBuilder connections, int maximumBytes)
    {
        connections.Use(next => connection =>
        {
            connection.Transport = new LimitedPipe(connection.Transport, maximumBytes, connection);
            return next(connection);
        });
        return connections;
    }

    /// <summary>
    /// The length of the packet that begins at <paramref name="bytes"/>, header included; null when that is not known yet.
    /// </summary>
    /// <remarks>MQTT 5, section 2.1: a type byte, then the remaining length in one to four bytes of seven bits, lowest first.</remarks>
    internal static long? PacketLength(ReadOnlySequence<byte> bytes)
    {
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryRead(out _)) return null;
        long remaining = 0;
        for (var shift = 0; shift < 28; shift += 7)
        {
            if (!reader.TryRead(out var part)) return null;
            remaining |= (long)(part & 0x7f) << shift;
            if ((part & 0x80) == 0) return reader.Consumed + remaining;
        }
        // A fifth byte of length: no packet of MQTT has one.
        return long.MaxValue;
    }

    private sealed class LimitedPipe(IDuplexPipe inner, int maximumBytes, ConnectionContext connection) : IDuplexPipe
    {
        public PipeReader Input { get; } = new LimitedReader(inner.Input, maximumBytes, connection);

        public PipeWriter Output => inner.Output;
    }

    private sealed class LimitedReader(PipeReader inner, int maximumBytes, ConnectionContext connection) : PipeReader
    {
        public override async ValueTask<ReadResult> ReadAsync(
            CancellationToken cancellationToken = default) => Checked(await inner.ReadAsync(cancellationToken));

        public override bool TryRead(out ReadResult result)
        {
            if (!inner.TryRead(out result)) return false;
            result = Checked(result);
            return true;
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        private ReadResult Checked(ReadResult result)
        {
            if (PacketLength(result.Buffer) is not { } length || length <= maximumBytes) return result;
            var refusal = new ConnectionAbortedException(
                $"An MQTT packet of {length:#,0} bytes arrived; at most {maximumBytes:#,0} are accepted.");
            connection.Abort(refusal);
            throw refusal;
        }
    }
}
