using System.Buffers.Binary;
using Fleet.Contracts.Media;

namespace Fleet.Quantization.Tests.Media;

/// <summary>WAV files byte by byte: every form that is read, and everything that must not be.</summary>
public sealed class WavFileTests
{
    [Theory]
    [InlineData(1, 8, new byte[] { 0, 128, 255 }, -1f, 0f, 127 / 128f)]
    [InlineData(1, 16, new byte[] { 0, 128, 0, 0, 255, 127 }, -1f, 0f, 32767 / 32768f)]
    [InlineData(1, 24, new byte[] { 0, 0, 128, 0, 0, 0, 0, 0, 64 }, -1f, 0f, 0.5f)]
    [InlineData(1, 32, new byte[] { 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 32 }, -1f, 0f, 0.25f)]
    [InlineData(3, 32, new byte[] { 0, 0, 128, 191, 0, 0, 0, 0, 0, 0, 0, 63 }, -1f, 0f, 0.5f)]
    public void Values_of_every_form_lie_between_minus_1_and_1(int format, int bits, byte[] data, float first, float second, float third)
    {
        var sound = Read(File(format, bits, 1, 16_000, data));
        Assert.Equal((16_000, 1), (sound.SampleRate, sound.Channels));
        Assert.Equal([first, second, third], sound.Values);
    }

    [Fact]
    public void Extensible_header_and_other_chunks_are_read_past()
    {
        byte[] file = File(0xFFFE, 16, 2, 8_000, [0, 64, 0, 192], extension: [22, 0, 16, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0,
            170, 0, 56, 155, 113], before: [.. "LIST"u8, 3, 0, 0, 0, 1, 2, 3, 0]);
        var sound = Read(file);
        Assert.Equal((2, 8_000, 1), (sound.Channels, sound.SampleRate, sound.Length));
        Assert.Equal([0.5f, -0.5f], sound.Values);
    }

    [Fact]
    public void File_that_was_cut_off_is_never_half_read()
    {
        var file = File(1, 16, 1, 16_000, [.. Enumerable.Range(0, 200).Select(value => (byte)value)]);
        for (var length = 0; length < file.Length; length++)
            Assert.Matches("again|move it away", Assert.Throws<FormatException>(() => Read(file[..length])).Message);
    }

    [Fact]
    public void Damaged_file_is_read_or_refused()
    {
        var file = File(1, 16, 2, 16_000, new byte[64], before: [.. "LIST"u8, 4, 0, 0, 0, 1, 2, 3, 4]);
        var random = new Random(3);
        for (var trial = 0; trial < 5_000; trial++)
        {
            byte[] damaged = [.. file];
            for (var change = 0; change <= trial % 3; change++) damaged[random.Next(60)] = (byte)random.Next(256);
            try
            {
                Assert.InRange(Read(damaged).Values.Length, 1, damaged.Length);
            }
            catch (FormatException)
            {
                // Said.
            }
        }
    }

    [Fact]
    public void What_is_not_read_is_refused_by_what_it_is()
    {
        Assert.Contains("format 85", Refusal(File(85, 16, 1, 16_000, [0, 0])), StringComparison.Ordinal);
        Assert.Contains("12 bits", Refusal(File(1, 12, 1, 16_000, [0, 0])), StringComparison.Ordinal);
        Assert.Contains("9 channels", Refusal(File(1, 16, 9, 16_000, new byte[18])), StringComparison.Ordinal);
        Assert.Contains("holds 3 bytes", Refusal(File(1, 16, 1, 16_000, [0, 0, 0])), StringComparison.Ordinal);
        Assert.Contains("holds 0 bytes", Refusal(File(1, 16, 1, 16_000, [])), StringComparison.Ordinal);
        Assert.Contains("NaN at 1", Refusal(File(3, 32, 1, 16_000, [0, 0, 0, 0, 0, 0, 192, 127])), StringComparison.Ordinal);
        // What a program writes that does not know how long it will be.
        var endless = File(1, 16, 1, 16_000, [0, 0]);
        BinaryPrimitives.WriteUInt32LittleEndian(endless.AsSpan(endless.Length - 6), uint.MaxValue);
        Assert.Contains("did not know its length", Refusal(endless), StringComparison.Ordinal);
    }

    [Fact]
    public void Sound_that_is_too_long_is_refused_before_memory_is_taken_for_it()
    {
        var header = File(1, 8, 1, 16_000, [0]);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(header.Length - 5), Sound.MaximumValues + 1);
        using var file = new SparseStream(header[..^1], header.Length + Sound.MaximumValues);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("Cut it", Assert.Throws<FormatException>(() => WavFile.Read(file)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>A file of one <c>data</c> chunk.</summary>
    internal static byte[] File(
        int format, int bits, int channels, int rate, byte[] data, byte[]? extension = null, byte[]? before = null)
    {
        extension ??= [];
        var header = new byte[16];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)format);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), (ushort)channels);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), rate);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), rate * channels * bits / 8);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(12), (ushort)(channels * bits / 8));
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(14), (ushort)bits);
        byte[] rest = [
            .. "WAVEfmt "u8, .. BitConverter.GetBytes(16 + extension.Length), .. header, .. extension, .. before ?? [],
            .. "data"u8, .. BitConverter.GetBytes(data.Length), .. data,
        ];
        return [.. "RIFF"u8, .. BitConverter.GetBytes(rest.Length), .. rest];
    }

    private static Sound Read(byte[] file)
    {
        using var stream = new MemoryStream(file);
        return WavFile.Read(stream);
    }

    private static string Refusal(byte[] file) => Assert.Throws<FormatException>(() => Read(file)).Message;

    /// <summary>A file whose end is never looked at.</summary>
    private sealed class SparseStream(byte[] beginning, long length) : MemoryStream(beginning)
    {
        public override long Length => length;
    }
}
