using System.IO.Compression;
using System.Text.Json;
using Fleet.Contracts.Telemetry.Packing;

namespace Fleet.Contracts.Telemetry;

/// <summary>
/// Several batches in one message: names stand once, what does not change stands once, and counts stand side by side, where
/// deflate finds them alike. <c>telemetry.cddl</c> beside PROTOCOL.md is the form. A message needs no other to be read.
/// </summary>
public static class TelemetryPack
{
    private const int Version = 2;

    /// <summary>The form of protocol 1, one batch as a JSON object, begins with this.</summary>
    private const byte JsonObject = (byte)'{';

    /// <summary>The bytes of batches that follow each other, at most <see cref="Limits.BatchesPerPack"/>.</summary>
    public static byte[] Encode(IReadOnlyList<TelemetryBatch> batches)
    {
        var plain = BodyOf(batches);
        var packed = Deflate(plain);
        return Wrap(plain.Length, packed.Length < plain.Length ? packed : plain);
    }

    /// <summary>The same without deflate, for who keeps many packs and compresses them together.</summary>
    public static byte[] EncodePlain(IReadOnlyList<TelemetryBatch> batches)
    {
        var plain = BodyOf(batches);
        return Wrap(plain.Length, plain);
    }

    /// <summary>True when a pack is within what a reader takes, packed and unpacked.</summary>
    public static bool Fits(ReadOnlySpan<byte> pack)
    {
        var reader = new CborReader(pack);
        reader.Array("A pack", 3);
        _ = reader.Integer(Version, Version);
        return pack.Length <= Limits.TelemetryBatchBytes && reader.Integer(0, long.MaxValue) <= Limits.TelemetryBatchBytes;
    }

    /// <summary>Reads a message, also one of protocol 1.</summary>
    /// <exception cref="FormatException">It is not telemetry; the message says what was found.</exception>
    public static IReadOnlyList<TelemetryBatch> Decode(ReadOnlySpan<byte> message)
    {
        if (message.Length > Limits.TelemetryBatchBytes)
            throw new FormatException($"It has {message.Length} bytes; at most {Limits.TelemetryBatchBytes} are read.");
        try
        {
            if (message.TrimStart(" \t\r\n"u8) is [JsonObject, ..])
                return [JsonSerializer.Deserialize(message, WireJson.Default.TelemetryBatch) ?? throw new FormatException("It is empty.")];
            var reader = new CborReader(message);
            reader.Array("A pack", 3);
            _ = reader.Integer(Version, Version);
            var length = (int)reader.Integer(1, Limits.TelemetryBatchBytes);
            var bytes = reader.Bytes();
            if (!reader.AtEnd) throw new FormatException("Something follows its end.");
            return PackBody.Read(bytes.Length == length ? bytes : Inflate(bytes, length));
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or ArgumentException or OverflowException)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static byte[] BodyOf(IReadOnlyList<TelemetryBatch> batches)
    {
        if (batches.Count is 0 or > Limits.BatchesPerPack)
            throw new ArgumentException($"A pack holds 1 to {Limits.BatchesPerPack} batches, not {batches.Count}.");
        var body = new CborWriter();
        PackBody.Write(body, batches);
        return body.ToArray();
    }

    private static byte[] Wrap(int plainLength, byte[] bytes)
    {
        var envelope = new CborWriter();
        envelope.Array(3);
        envelope.Integer(Version);
        envelope.Integer(plainLength);
        envelope.Bytes(bytes);
        return envelope.ToArray();
    }

    private static byte[] Deflate(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(plain);
        return packed.ToArray();
    }

    private static byte[] Inflate(ReadOnlySpan<byte> packed, int length)
    {
        var plain = new byte[length];
        using var deflate = new DeflateStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
        if (deflate.ReadAtLeast(plain, length, throwOnEndOfStream: false) < length || deflate.ReadByte() >= 0)
            throw new FormatException($"It does not unpack to the {length} bytes that it names.");
        return plain;
    }
}
