using System.Buffers.Binary;
using System.Text;

namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>
/// Writes the part of CBOR (RFC 8949) that telemetry needs: integers, floats, text, byte strings, arrays of known length and null,
/// each in its shortest form.
/// </summary>
internal sealed class CborWriter
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public void Array(int count) => Head(4, (ulong)count);

    public void Null() => _bytes.Add(0xf6);

    public void Integer(long value)
    {
        if (value >= 0) Head(0, (ulong)value);
        else Head(1, (ulong)(-1 - value));
    }

    public void Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Head(3, (ulong)bytes.Length);
        _bytes.AddRange(bytes);
    }

    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        Head(2, (ulong)bytes.Length);
        _bytes.AddRange(bytes);
    }

    /// <summary>A number in the smallest of the three float formats that holds it exactly.</summary>
    public void Number(double value)
    {
        Span<byte> bytes = stackalloc byte[9];
        if ((double)(Half)value == value)
        {
            bytes[0] = 0xf9;
            BinaryPrimitives.WriteHalfBigEndian(bytes[1..], (Half)value);
            _bytes.AddRange(bytes[..3]);
        }
        else if ((double)(float)value == value)
        {
            bytes[0] = 0xfa;
            BinaryPrimitives.WriteSingleBigEndian(bytes[1..], (float)value);
            _bytes.AddRange(bytes[..5]);
        }
        else
        {
            bytes[0] = 0xfb;
            BinaryPrimitives.WriteDoubleBigEndian(bytes[1..], value);
            _bytes.AddRange(bytes);
        }
    }

    private void Head(int major, ulong value)
    {
        Span<byte> bytes = stackalloc byte[9];
        var type = (byte)(major << 5);
        switch (value)
        {
            case < 24:
                _bytes.Add((byte)(type | value));
                return;
            case <= byte.MaxValue:
                bytes[0] = (byte)(type | 24);
                bytes[1] = (byte)value;
                _bytes.AddRange(bytes[..2]);
                return;
            case <= ushort.MaxValue:
                bytes[0] = (byte)(type | 25);
                BinaryPrimitives.WriteUInt16BigEndian(bytes[1..], (ushort)value);
                _bytes.AddRange(bytes[..3]);
                return;
            case <= uint.MaxValue:
                bytes[0] = (byte)(type | 26);
                BinaryPrimitives.WriteUInt32BigEndian(bytes[1..], (uint)value);
                _bytes.AddRange(bytes[..5]);
                return;
            default:
                bytes[0] = (byte)(type | 27);
                BinaryPrimitives.WriteUInt64BigEndian(bytes[1..], value);
                _bytes.AddRange(bytes);
                return;
        }
    }
}
