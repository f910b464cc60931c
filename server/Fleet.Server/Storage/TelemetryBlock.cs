using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Storage;

/// <summary>
/// Telemetry as a store keeps it, whatever the store: many messages in one block of bytes. How it is written is said here and nowhere
/// else; what an earlier version wrote is read for as long as telemetry is kept.
/// </summary>
/// <remarks>
/// <code>
/// version (1), bytes before compression (4), Brotli of entries
/// entry: length of subject (4), length of message (4), subject in UTF-8, message
/// message: a telemetry pack (telemetry.cddl), or one batch as JSON: as a device sent it. Version 1 knows JSON alone
/// </code>
/// </remarks>
internal static class TelemetryBlock
{
    private const byte Version = 2;
    private const byte OldestVersion = 1;
    private const byte JsonObject = (byte)'{';
    private const int HeaderBytes = 5;
    private const int EntryHeaderBytes = 8;

    // Batches repeat names and shapes; the fastest quality already leaves a sixth of them.
    private const int Quality = 1;
    private const int Window = 20;

    /// <summary>A batch as the server itself writes one, such as a rollup; what devices send is kept as it came.</summary>
    public static byte[] Encode(TelemetryBatch batch)
    {
        var pack = TelemetryPack.EncodePlain([batch]);
        // What a pack cannot hold, such as a sum of many at its limit, is kept as JSON.
        return Holds(pack, batch) ? pack : JsonSerializer.SerializeToUtf8Bytes(batch, FleetJson.Default.TelemetryBatch);
    }

    /// <summary>
    /// Reads a message. One that an earlier program took and this one would refuse, such as a count beyond every bound, is passed over:
    /// it must not fail a start, a page or an export for all others.
    /// </summary>
    public static IReadOnlyList<TelemetryBatch> Decode(ReadOnlyMemory<byte> message)
    {
        try
        {
            return message.Span is [JsonObject, ..]
                ? JsonSerializer.Deserialize(message.Span, FleetJson.Default.TelemetryBatch) is { } batch ? [batch] : []
                : TelemetryPack.Decode(message.Span);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return [];
        }
    }

    /// <summary>Writes a pack.</summary>
    /// <param name="entries">Each message with the subject it is of, such as a device.</param>
    public static byte[] Write(IReadOnlyList<(string Subject, ReadOnlyMemory<byte> Message)> entries)
    {
        var plain = new ArrayBufferWriter<byte>();
        foreach (var (subject, message) in entries)
        {
            var header = plain.GetSpan(EntryHeaderBytes);
            BinaryPrimitives.WriteInt32LittleEndian(header, Encoding.UTF8.GetByteCount(subject));
            BinaryPrimitives.WriteInt32LittleEndian(header[4..], message.Length);
            plain.Advance(EntryHeaderBytes);
            Encoding.UTF8.GetBytes(subject, plain);
            plain.Write(message.Span);
        }
        var pack = new byte[HeaderBytes + BrotliEncoder.GetMaxCompressedLength(plain.WrittenCount)];
        pack[0] = Version;
        BinaryPrimitives.WriteInt32LittleEndian(pack.AsSpan(1), plain.WrittenCount);
        if (!BrotliEncoder.TryCompress(plain.WrittenSpan, pack.AsSpan(HeaderBytes), out var compressed, Quality, Window))
            throw new InvalidOperationException($"{plain.WrittenCount} bytes of telemetry could not be compressed.");
        return pack[..(HeaderBytes + compressed)];
    }

    /// <summary>Reads a pack.</summary>
    /// <exception cref="InvalidDataException">It was not written by this program or an earlier one.</exception>
    public static IEnumerable<(string Subject, ReadOnlyMemory<byte> Message)> Read(byte[] pack)
    {
        var plain = Decompress(pack);
        for (var at = 0; at < plain.Length;)
        {
            var (subject, message) = (
                BinaryPrimitives.ReadInt32LittleEndian(plain.AsSpan(at)), BinaryPrimitives.ReadInt32LittleEndian(plain.AsSpan(at + 4)));
            at += EntryHeaderBytes;
            yield return (Encoding.UTF8.GetString(plain, at, subject), plain.AsMemory(at + subject, message));
            at += subject + message;
        }
    }

    private static bool Holds(byte[] pack, TelemetryBatch batch)
    {
        try
        {
            var read = TelemetryPack.Decode(pack)[0].Models;
            // A model written twice would be there once; a model without confidence would have ten zeros.
            return read.Select(stats => (stats.Model, stats.Confidence.Count))
                .SequenceEqual(batch.Models.Select(stats => (stats.Model, stats.Confidence.Count)));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static byte[] Decompress(byte[] pack)
    {
        if (pack.Length < HeaderBytes || pack[0] is < OldestVersion or > Version)
            throw new InvalidDataException(
                $"A pack of telemetry begins with {(pack.Length == 0 ? "nothing" : pack[0])}; this program reads versions "
                    + $"{OldestVersion} to {Version}.");
        var plain = new byte[BinaryPrimitives.ReadInt32LittleEndian(pack.AsSpan(1))];
        if (!BrotliDecoder.TryDecompress(pack.AsSpan(HeaderBytes), plain, out var written) || written != plain.Length)
            throw new InvalidDataException("A pack of telemetry is damaged.");
        return plain;
    }
}
