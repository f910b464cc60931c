namespace Fleet.Contracts.Media;

/// <summary>One frame of a FLAC file after the other (RFC 9639, chapter 9).</summary>
/// <param name="bytes">The file.</param>
/// <param name="bits">Where the next frame begins.</param>
/// <param name="form">Of what form its sound is.</param>
internal sealed class FlacFrame(byte[] bytes, BitReader bits, FlacForm form)
{
    private const int LongestFrame = 65_535;

    /// <summary>How two channels are told by their difference: left and it, it and right, mean and it.</summary>
    private const int LeftSide = 8, SideRight = 9, MidSide = 10;

    /// <summary>What is predicted of the values before, by the number of them (RFC 9639, section 9.2.5).</summary>
    private static readonly int[][] Fixed = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

    /// <summary>Values of each channel; those of the frame that was read are the first.</summary>
    public long[][] Channels { get; } = [.. Enumerable.Range(0, form.Channels).Select(_ => new long[LongestFrame + 1])];

    /// <summary>Reads a frame.</summary>
    /// <returns>Moments of it.</returns>
    public int Read()
    {
        var begin = bits.Byte;
        var (length, assignment) = ReadHeader(begin);
        for (var channel = 0; channel < form.Channels; channel++)
        {
            // A difference of two values needs a bit more than each.
            var isSide = assignment switch { LeftSide or MidSide => channel == 1, SideRight => channel == 0, _ => false };
            ReadChannel(Channels[channel].AsSpan(0, length), form.Bits + (isSide ? 1 : 0), begin);
        }
        bits.Align();
        var end = bits.Byte;
        if (bits.Take(16) != Checksum16(bytes.AsSpan(begin, end - begin))) throw Damaged(begin);
        Together(assignment, length);
        return length;
    }

    private (int Length, int Assignment) ReadHeader(int begin)
    {
        // 14 bits that nothing else has, one of no use, and one that says whether frames have numbers or places.
        if (bits.Take(15) != 0b111_1111_1111_1100) throw Damaged(begin);
        bits.Take(1);
        var (size, rate) = ((int)bits.Take(4), (int)bits.Take(4));
        var (assignment, depth) = ((int)bits.Take(4), (int)bits.Take(3));
        bits.Take(1);
        // Its number: as many bytes as ones stand in front of the first.
        var first = (byte)bits.Take(8);
        for (var more = 1; more < 7 && first >= 0xC0 && (first << more & 0x80) != 0; more++) bits.Take(8);
        var length = size switch
        {
            1 => 192,
            >= 2 and <= 5 => 144 << size,
            6 => (int)bits.Take(8) + 1,
            7 => (int)bits.Take(16) + 1,
            >= 8 => 1 << size,
            _ => throw Damaged(begin),
        };
        bits.Take(rate switch { 12 => 8, 13 or 14 => 16, _ => 0 });
        var end = bits.Byte;
        if (bits.Take(8) != Checksum8(bytes.AsSpan(begin, end - begin))) throw Damaged(begin);
        var channels = assignment < LeftSide ? assignment + 1 : 2;
        int? deep = depth switch { 0 => form.Bits, 1 => 8, 2 => 12, 4 => 16, 5 => 20, 6 => 24, 7 => 32, _ => null };
        return assignment <= MidSide && channels == form.Channels && deep == form.Bits && length <= LongestFrame + 1
            ? (length, assignment)
            : throw new FormatException($"The frame at byte {begin} has {channels} channels of {deep} bits, where the file has "
                + $"{form.Channels} of {form.Bits}: convert it to WAV.");
    }

    private void ReadChannel(Span<long> values, int depth, int begin)
    {
        if (bits.Take(1) != 0) throw Damaged(begin);
        var kind = (int)bits.Take(6);
        // Bits that are zero in all values are not written.
        var wasted = bits.Take(1) == 1 ? (int)Math.Min(bits.TakeZeros() + 1, depth) : 0;
        depth -= wasted;
        if (depth < 1) throw Damaged(begin);
        switch (kind)
        {
            case 0:
                values.Fill(bits.TakeSigned(depth));
                break;
            case 1:
                foreach (ref var value in values) value = bits.TakeSigned(depth);
                break;
            case >= 8 and <= 12:
                ReadPredicted(values, depth, Fixed[kind - 8], 0, begin);
                break;
            case >= 32:
                ReadPredicted(values, depth, null, kind - 31, begin);
                break;
            default:
                throw Damaged(begin);
        }
        if (wasted == 0) return;
        foreach (ref var value in values) value <<= wasted;
    }

    // The first values as they are, then by how much each is beside what the values before it predict.
    private void ReadPredicted(Span<long> values, int depth, int[]? known, int order, int begin)
    {
        order = known?.Length ?? order;
        if (order > values.Length) throw Damaged(begin);
        for (var place = 0; place < order; place++) values[place] = bits.TakeSigned(depth);
        var (weights, shift) = (known, 0);
        if (weights is null)
        {
            var precision = (int)bits.Take(4) + 1;
            shift = (int)bits.TakeSigned(5);
            if (precision == 16 || shift < 0) throw Damaged(begin);
            weights = new int[order];
            foreach (ref var weight in weights.AsSpan()) weight = (int)bits.TakeSigned(precision);
        }
        ReadResiduals(values, order, begin);
        for (var place = order; place < values.Length; place++)
        {
            var sum = 0L;
            for (var back = 0; back < order; back++) sum += weights[back] * values[place - 1 - back];
            values[place] += sum >> shift;
        }
    }

    // Rice codes: in each part of the frame so many low bits as they are, and what is above them in ones behind zeros.
    private void ReadResiduals(Span<long> values, int order, int begin)
    {
        var method = (int)bits.Take(2);
        if (method > 1) throw Damaged(begin);
        var parts = 1 << (int)bits.Take(4);
        if (values.Length % parts != 0 || values.Length / parts < order) throw Damaged(begin);
        var (width, place) = (4 + method, order);
        for (var part = 1; part <= parts; part++)
        {
            var low = (int)bits.Take(width);
            var isRaw = low == (1 << width) - 1;
            if (isRaw) low = (int)bits.Take(5);
            for (var end = part * (values.Length / parts); place < end; place++)
            {
                if (isRaw)
                {
                    values[place] = low == 0 ? 0 : bits.TakeSigned(low);
                    continue;
                }
                var above = bits.TakeZeros();
                if (above > uint.MaxValue >> low) throw Damaged(begin);
                var code = above << low | (long)bits.Take(low);
                values[place] = code >> 1 ^ -(code & 1);
            }
        }
    }

    private void Together(int assignment, int length)
    {
        if (assignment < LeftSide) return;
        var (one, other) = (Channels[0], Channels[1]);
        for (var place = 0; place < length; place++)
        {
            (one[place], other[place]) = assignment switch
            {
                LeftSide => (one[place], one[place] - other[place]),
                SideRight => (one[place] + other[place], other[place]),
                // The lowest bit of the sum is that of the difference.
                _ => ((one[place] << 1 | other[place] & 1) + other[place] >> 1, (one[place] << 1 | other[place] & 1) - other[place] >> 1),
            };
        }
    }

    private static byte Checksum8(ReadOnlySpan<byte> bytes)
    {
        var sum = 0;
        foreach (var one in bytes)
        {
            sum ^= one;
            for (var bit = 0; bit < 8; bit++) sum = sum << 1 ^ ((sum & 0x80) != 0 ? 0x107 : 0);
        }
        return (byte)sum;
    }

    private static ulong Checksum16(ReadOnlySpan<byte> bytes)
    {
        var sum = 0;
        foreach (var one in bytes) sum = (sum << 8 ^ Sums16[sum >> 8 ^ one]) & 0xFFFF;
        return (ulong)sum;
    }

    private static readonly int[] Sums16 = [
        .. Enumerable.Range(0, 256).Select(index =>
        {
            var sum = index << 8;
            for (var bit = 0; bit < 8; bit++) sum = sum << 1 ^ ((sum & 0x8000) != 0 ? 0x18005 : 0);
            return sum & 0xFFFF;
        }),
    ];

    private static FormatException Damaged(int begin)
        => new($"The sound is damaged in the frame at byte {begin} of the file. Copy it again, or convert it to WAV.");
}
