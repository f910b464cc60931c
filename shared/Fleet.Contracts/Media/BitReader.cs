using System.Buffers.Binary;
using System.Numerics;

namespace Fleet.Contracts.Media;

/// <summary>Bits of bytes, the highest of each byte first.</summary>
/// <param name="bytes">The bytes.</param>
internal sealed class BitReader(byte[] bytes)
{
    /// <summary>Bits that one look gives, wherever in a byte it begins.</summary>
    private const int Looked = 56;

    /// <summary>Where the next bit is.</summary>
    private long _position;

    /// <summary>The byte that the next bit is in.</summary>
    public int Byte => (int)(_position >> 3);

    /// <summary>True where no whole byte is left.</summary>
    public bool IsAtEnd => _position + 8 > 8L * bytes.Length;

    /// <summary>Goes on at a byte.</summary>
    public void MoveTo(int place) => _position = 8L * place;

    /// <summary>Goes on at the next whole byte.</summary>
    public void Align() => _position = _position + 7 & ~7L;

    /// <summary>The next bits as a whole number from 0.</summary>
    /// <param name="count">Up to 56.</param>
    /// <exception cref="FormatException">The bytes end before that.</exception>
    public ulong Take(int count)
    {
        if (count == 0) return 0;
        var value = Look() >> (64 - count);
        Skip(count);
        return value;
    }

    /// <summary>The next bits as a whole number with its sign, in two's complement.</summary>
    /// <param name="count">From 1 to 56.</param>
    public long TakeSigned(int count) => (long)(Take(count) << (64 - count)) >> (64 - count);

    /// <summary>How many zeros stand before the next one, which is taken too.</summary>
    public long TakeZeros()
    {
        for (var zeros = 0L; ;)
        {
            var found = BitOperations.LeadingZeroCount(Look());
            if (found < Looked)
            {
                Skip(found + 1);
                return zeros + found;
            }
            Skip(Looked);
            zeros += Looked;
        }
    }

    private void Skip(int count)
    {
        if (_position + count > 8L * bytes.Length) throw new FormatException("The file ends in the middle of its sound: it was cut off. "
            + "Copy it again, or move it away.");
        _position += count;
    }

    // At least 56 bits from here on, the first one highest; zeros behind the end.
    private ulong Look()
    {
        var place = Byte;
        if (place + 8 <= bytes.Length)
            return BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(place)) << (int)(_position & 7);
        Span<byte> last = stackalloc byte[8];
        last.Clear();
        if (place < bytes.Length) bytes.AsSpan(place).CopyTo(last);
        return BinaryPrimitives.ReadUInt64BigEndian(last) << (int)(_position & 7);
    }
}
