using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Fleet.TestKit;

/// <summary>PNG files by hand (https://www.w3.org/TR/png-3/), so that what is read is known and can be broken.</summary>
public static class PngWriter
{
    /// <summary>A picture of 8 bits a channel: 1 (grey), 3 (colours) or 4 (colours and opacity) of them.</summary>
    public static byte[] Write(int width, int height, int channels, byte[] pixels, int depth = 8)
    {
        var lines = new MemoryStream();
        using (var packed = new ZLibStream(lines, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var at = 0; at < pixels.Length; at += width * channels * depth / 8)
            {
                // No filter.
                packed.WriteByte(0);
                packed.Write(pixels.AsSpan(at, Math.Min(width * channels * depth / 8, pixels.Length - at)));
            }
        }
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)depth, channels switch { 1 => (byte)0, 3 => (byte)2, _ => (byte)6 });
        return [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, .. Chunk("IHDR", header), .. Chunk("IDAT", lines.ToArray()),
            .. Chunk("IEND", [])];
    }

    private static byte[] Chunk(string name, byte[] data)
    {
        byte[] named = [.. Encoding.ASCII.GetBytes(name), .. data];
        var chunk = new byte[data.Length + 12];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        named.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), Checksum(named));
        return chunk;
    }

    private static uint Checksum(byte[] bytes)
    {
        var sum = uint.MaxValue;
        foreach (var one in bytes)
        {
            sum ^= one;
            for (var bit = 0; bit < 8; bit++) sum = (sum & 1) == 1 ? sum >> 1 ^ 0xEDB88320 : sum >> 1;
        }
        return ~sum;
    }
}
