using System.Buffers.Binary;
using System.Text;

namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>
/// Reads what <see cref="CborWriter"/> writes, from bytes nobody trusts: what runs past the end, has no known length or is of
/// another type is refused. It never recurses and allocates no more than the bytes it was given could hold.
/// </summary>
internal ref struct CborReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>True when everything was read.</summary>
    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>True when an array comes next.</summary>
    public readonly bool IsArray => !_rest.IsEmpty && _rest[0] >> 5 == 4;

    /// <summary>Reads a null when one comes next.</summary>
    public bool TryNull()
    {
        if (_rest.IsEmpty || _rest[0] != 0xf6) return false;
        _rest = _rest[1..];
        return true;
    }

    /// <summary>The number of elements of an array, each of which takes a byte at least.</summary>
    public int Array(int most)
    {
        var count = Head(4);
        if (count > (ulong)most || count > (ulong)_rest.Length)
            throw new FormatException($"An array of {count} elements is more than the {Math.Min(most, _rest.Length)} that could be here.");
        return (int)count;
    }

    /// <summary>An array that must have so many elements.</summary>
    public void Array(string what, int count)
    {
        if (Array(int.MaxValue) is var found && found != count)
            throw new FormatException($"{what} has {found} elements; {count} are expected.");
    }

    public long Integer(long least, long most)
    {
        var type = Peek() >> 5;
        if (type > 1) throw new FormatException($"An integer is expected where byte 0x{Peek():x2} is.");
        var raw = Head(type);
        if (raw > long.MaxValue) throw new FormatException($"The integer {raw} is larger than can be kept.");
        var value = type == 0 ? (long)raw : -1 - (long)raw;
        return value >= least && value <= most ? value : throw new FormatException($"{value} is beyond {least}..{most}.");
    }

    public double Number()
    {
        var initial = Peek();
        if (initial >> 5 <= 1) return Integer(long.MinValue, long.MaxValue);
        var value = initial switch
        {
            0xf9 => (double)BinaryPrimitives.ReadHalfBigEndian(Take(3)[1..]),
            0xfa => BinaryPrimitives.ReadSingleBigEndian(Take(5)[1..]),
            0xfb => BinaryPrimitives.ReadDoubleBigEndian(Take(9)[1..]),
            _ => throw new FormatException($"A number is expected where byte 0x{initial:x2} is."),
        };
        return double.IsFinite(value) ? value : throw new FormatException($"{value} is not a number that could be kept.");
    }

    public string Text(int most)
    {
        var length = Head(3);
        if (length > (ulong)most) throw new FormatException($"A text of {length} bytes is longer than the {most} allowed.");
        return Strict.GetString(Take((int)length));
    }

    public ReadOnlySpan<byte> Bytes()
    {
        var length = Head(2);
        return length <= int.MaxValue ? Take((int)length) : throw new FormatException($"A string of {length} bytes does not fit.");
    }

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly byte Peek() => _rest.IsEmpty ? throw new FormatException("It ends too early.") : _rest[0];

    private ulong Head(int major)
    {
        var initial = Peek();
        if (initial >> 5 != major) throw new FormatException($"Byte 0x{initial:x2} is of another type than is expected there.");
        var short5 = initial & 31;
        if (short5 < 24)
        {
            _rest = _rest[1..];
            return (ulong)short5;
        }
        return short5 switch
        {
            24 => Take(2)[1],
            25 => BinaryPrimitives.ReadUInt16BigEndian(Take(3)[1..]),
            26 => BinaryPrimitives.ReadUInt32BigEndian(Take(5)[1..]),
            27 => BinaryPrimitives.ReadUInt64BigEndian(Take(9)[1..]),
            _ => throw new FormatException($"Byte 0x{initial:x2} begins a length that is not known."),
        };
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new FormatException("It ends too early.");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
