namespace Fleet.Contracts.Media;

/// <summary>
/// Sound from FLAC files (RFC 9639): every kind of subframe, 4 to 32 bits, up to 8 channels. Whole numbers of n bits are divided by
/// 2^(n-1), as those of WAV files are, so that the same recording is the same sound. The checksums of frames are checked, the MD5 of the
/// whole is not.
/// </summary>
public static class FlacFile
{
    /// <summary>How such a file begins.</summary>
    public static ReadOnlySpan<byte> Mark => "fLaC"u8;

    /// <summary>Bytes of the block that says of what form the sound is.</summary>
    private const int FormBytes = 34;

    /// <summary>Reads one file, all of it or nothing.</summary>
    /// <param name="file">A file, or what was sent; its length is known.</param>
    /// <exception cref="FormatException">It is no such file, is damaged, or is too long; the message says what to do.</exception>
    public static Sound Read(Stream file)
    {
        // No coding makes more bytes of a value than this.
        if (file.Length > 5L * Sound.MaximumValues) throw TooLong();
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        if (!bytes.AsSpan().StartsWith(Mark))
            throw new FormatException("The file does not begin as a FLAC file does; write it again as one, or move it away.");
        var bits = new BitReader(bytes);
        bits.MoveTo(Mark.Length);
        var form = FormOf(bits, bytes.Length);
        if (form.Moments * form.Channels > Sound.MaximumValues) throw TooLong();
        var values = new List<float>();
        var frame = new FlacFrame(bytes, bits, form);
        var scale = 1 / Math.Pow(2, form.Bits - 1);
        // Where the length is not told the file is of frames to its end; behind the last one other programs put marks of theirs.
        while (form.Moments == 0 ? !bits.IsAtEnd : values.Count < form.Moments * form.Channels)
        {
            var length = frame.Read();
            if (values.Count + (long)length * form.Channels > Sound.MaximumValues) throw TooLong();
            for (var moment = 0; moment < length; moment++)
            {
                for (var channel = 0; channel < form.Channels; channel++) values.Add((float)(frame.Channels[channel][moment] * scale));
            }
        }
        if (values.Count == 0) throw new FormatException("The file holds no sound. Copy it again, or move it away.");
        return new Sound(form.SampleRate, form.Channels, [.. values]);
    }

    // The first block says the form, and others of pictures and words are passed over.
    private static FlacForm FormOf(BitReader bits, int end)
    {
        FlacForm? form = null;
        for (var isLast = false; !isLast;)
        {
            isLast = bits.Take(1) == 1;
            var (kind, length) = (bits.Take(7), (int)bits.Take(24));
            var next = bits.Byte + length;
            if (next > end)
                throw new FormatException("The file ends in the middle of its header: it was cut off. Copy it again, or move it away.");
            if (form is null)
            {
                if (kind != 0 || length < FormBytes)
                    throw new FormatException("The file does not say first of what form its sound is; write it again.");
                // The smallest and largest blocks and frames.
                bits.Take(32);
                bits.Take(48);
                form = new FlacForm((int)bits.Take(20), (int)bits.Take(3) + 1, (int)bits.Take(5) + 1, (long)bits.Take(36));
            }
            bits.MoveTo(next);
        }
        return form is { SampleRate: > 0, Bits: >= 4 } ? form
            : throw new FormatException($"The header names {form!.SampleRate} Hz and {form.Bits} bits; sound of 4 to 32 bits is read. "
                + "Convert it to 16 bits.");
    }

    private static FormatException TooLong()
        => new($"The file holds more than {Sound.MaximumValues:N0} values of sound; up to that are read. Cut it into shorter ones.");
}

/// <summary>Of what form the sound of a FLAC file is.</summary>
/// <param name="SampleRate">Moments a second.</param>
/// <param name="Channels">Channels, 1 to 8.</param>
/// <param name="Bits">Bits of a value.</param>
/// <param name="Moments">Moments of the file; 0 where it does not say.</param>
internal sealed record FlacForm(int SampleRate, int Channels, int Bits, long Moments);
