using System.Buffers.Binary;
using System.Text;

namespace Fleet.Contracts.Media;

/// <summary>
/// Sound from WAV files: whole numbers of 8, 16, 24 or 32 bits and floats of 32 or 64 (Multimedia Programming Interface and Data
/// Specifications 1.0, IBM and Microsoft 1991; the extensible form of Multiple Channel Audio Data and WAVE Files, Microsoft 2007).
/// Whole numbers of n bits are divided by 2^(n-1).
/// </summary>
public static class WavFile
{
    private const int Pcm = 1, Float = 3, Extensible = 0xFFFE;

    /// <summary>Bytes that are read at once; whole values of every form.</summary>
    private const int Piece = 3 << 16;

    /// <summary>Reads one file, all of it or nothing.</summary>
    /// <exception cref="FormatException">It is no such file, is damaged, or is too long; the message says what to do.</exception>
    public static Sound Read(Stream file)
    {
        Span<byte> header = stackalloc byte[12];
        if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length
            || !Is(header, "RIFF") || !Is(header[8..], "WAVE"))
            throw new FormatException("The file does not begin as a WAV file does; write it again as one, or move it away.");
        Form? form = null;
        Span<byte> head = stackalloc byte[8];
        while (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            long size = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            var left = file.Length - file.Position;
            if (Is(head, "data"))
                return Values(file, form ?? throw new FormatException("The file holds sound before it says of what form; write it again."),
                    size, left);
            if (size > left)
                throw new FormatException("The file ends in the middle of its header: it was cut off. Copy it again, or move it away.");
            // Chunks begin at even places.
            var next = file.Position + size + (size & 1);
            if (Is(head, "fmt "))
            {
                var bytes = new byte[Math.Min(size, 40)];
                file.ReadExactly(bytes);
                form = Form.Of(bytes);
            }
            file.Position = next;
        }
        throw new FormatException("The file holds no sound: it was cut off, or is empty. Copy it again, or move it away.");
    }

    private static Sound Values(Stream file, Form form, long size, long left)
    {
        if (size > left)
            throw new FormatException($"The file says that it holds {size:N0} bytes of sound, and {left:N0} are there: it was cut off, or "
                + "written by a program that did not know its length. Copy it again, or convert it anew.");
        if (size == 0 || size % form.MomentBytes != 0)
            throw new FormatException($"The file holds {size:N0} bytes of sound, which are not moments of {form.MomentBytes} bytes; export "
                + "it again, or move it away.");
        var count = size / form.ValueBytes;
        if (count > Sound.MaximumValues)
            throw new FormatException($"The file holds {count:N0} values of sound; up to {Sound.MaximumValues:N0} are read. Cut it into "
                + "shorter ones.");
        var values = new float[count];
        var piece = new byte[Piece];
        for (var at = 0; at < values.Length;)
        {
            var bytes = piece.AsSpan(0, (int)Math.Min(Piece, (long)(values.Length - at) * form.ValueBytes));
            file.ReadExactly(bytes);
            for (var from = 0; from < bytes.Length; from += form.ValueBytes)
            {
                var value = form.Value(bytes.Slice(from, form.ValueBytes));
                if (!float.IsFinite(value))
                    throw new FormatException($"The sound holds {value} at {at / form.Channels} (counted from 0); every value must be a "
                        + "finite number: repair or move it away.");
                values[at++] = value;
            }
        }
        return new Sound(form.SampleRate, form.Channels, values);
    }

    private static bool Is(ReadOnlySpan<byte> bytes, string name) => Encoding.ASCII.GetString(bytes[..4]) == name;

    /// <summary>How a file holds its values.</summary>
    private sealed record Form(bool IsFloat, int Channels, int SampleRate, int ValueBytes)
    {
        public int MomentBytes => Channels * ValueBytes;

        public static Form Of(ReadOnlySpan<byte> bytes)
        {
            if (bytes.Length < 16) throw new FormatException("The header of the file is too short; export it again, or move it away.");
            int kind = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            // The first two bytes of an identifier whose others are the same for all.
            if (kind == Extensible && bytes.Length >= 26) kind = BinaryPrimitives.ReadUInt16LittleEndian(bytes[24..]);
            int channels = BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]), bits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]);
            var rate = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            int moment = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
            if ((kind, bits) is not ((Pcm, 8 or 16 or 24 or 32) or (Float, 32 or 64)))
                throw new FormatException($"The file holds sound of format {kind} with {bits} bits; whole numbers of 8, 16, 24 and 32 bits "
                    + "and floats of 32 and 64 are read. Convert it to 16 bits.");
            if (channels is < 1 or > Sound.MaximumChannels || rate is 0 or > int.MaxValue || moment != channels * bits / 8)
                throw new FormatException($"The header names {channels} channels, {rate} Hz and {moment} bytes a moment, which is not "
                    + $"sound of 1 to {Sound.MaximumChannels} channels; export it again.");
            return new Form(kind == Float, channels, (int)rate, bits / 8);
        }

        public float Value(ReadOnlySpan<byte> bytes) => (IsFloat, ValueBytes) switch
        {
            (true, 4) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            (true, _) => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            (_, 1) => (bytes[0] - 128) / 128f,
            (_, 2) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768f,
            (_, 3) => (bytes[0] << 8 | bytes[1] << 16 | bytes[2] << 24) / 2147483648f,
            _ => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648f,
        };
    }
}
