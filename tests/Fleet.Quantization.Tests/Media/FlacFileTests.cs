using System.Buffers.Binary;
using Fleet.Contracts.Media;

namespace Fleet.Quantization.Tests.Media;

/// <summary>FLAC files: the examples of RFC 9639, appendix D, whose decoded samples stand there, and what must not be read.</summary>
public sealed class FlacFileTests
{
    /// <summary>One moment, two channels, as they are; zeros at the end of each value are left out.</summary>
    private const string First = """
        664c 6143 8000 0022 1000 1000 0000 0f00 000f 0ac4 42f0 0000 0001 3e84 b418 07dc 6903 0758 6a3d ad1a 2e0f fff8 6918 0000 bf03 58fd
        0312 8baa 9a
        """;

    /// <summary>Two frames: predicted, the right channel and the difference; and as they are. Other blocks stand before them.</summary>
    private const string Second = """
        664c 6143 0000 0022 0010 0010 0000 1700 0044 0ac4 42f0 0000 0013 d5b0 5649 75e9 8b8d 8b93 0422 757b 8103 0300 0012 0000
        0000 0000 0000 0000 0000 0000 0000 0010 0400 003a 2000 0000 7265 6665 7265 6e63 6520 6c69 6246 4c41 4320 312e 332e 3320
        3230 3139 3038 3034 0100 0000 0e00 0000 5449 544c 453d d7a9 d79c d795 d79d 8100 0006 0000 0000 0000 fff8 6998 000f 9912
        0867 0162 3d14 4299 8f5d f70d 6fe0 0c17 caeb 2100 0ee7 a77a 24a1 590c 1217 b603 097b 784f aa9a 33d2 85e0 70ad 5b1b 4851
        b401 0d99 d2cd 1a68 f1e6 b810 fff8 6918 0102 a402 c382 c40b c14a 03ee 48dd 03b6 7c13 30
        """;

    /// <summary>One frame: a linear predictor of order 3, residuals in four parts.</summary>
    private const string Third = """
        664c 6143 8000 0022 1000 1000 0000 1f00 001f 07d0 0070 0000 0018 f8f9 e396 f5cb cfc6 dc80 7f99 7790 6b32 fff8 6802 0017 e944 004f
        6f31 3d10 47d2 27cb 6d09 0831 452b dc28 2222 8057 a3
        """;

    private const string DecodedSecond = """
        8428 B617 7946 3129 5E3A 2722 D445 D128 0B3D B723 EB45 DF28 723f 1E25 9D46 4929 B841 7026 5747 B829 8F43 8127 AEC7 14DF 9FC4 41DD
        54C7 E4DE A5C4 40DD 1EC6 33DE 82C3 90DC 0BC4 02DD 4AC1 3EDB
        """;

    private const string DecodedThird = "004F 6F4E 08C3 A6BC F32A 4335 0DE5 D2DA F40E 1813 06FC FB00";

    private static byte[] Bytes(string hex) => Convert.FromHexString(string.Concat(hex.Where(char.IsAsciiHexDigit)));

    private static Sound Read(byte[] file) => SoundFile.Read(new MemoryStream(file));

    [Fact]
    public void Examples_of_the_standard_are_the_sound_that_it_says()
    {
        var sound = Read(Bytes(First));
        Assert.Equal((44_100, 2), (sound.SampleRate, sound.Channels));
        Assert.Equal([25_588 / 32_768f, 10_416 / 32_768f], sound.Values);

        sound = Read(Bytes(Second));
        Assert.Equal((44_100, 2, 19), (sound.SampleRate, sound.Channels, sound.Length));
        Assert.Equal(Bytes(DecodedSecond).Chunk(2).Select(pair => BinaryPrimitives.ReadInt16LittleEndian(pair) / 32_768f), sound.Values);

        sound = Read(Bytes(Third));
        Assert.Equal((32_000, 1, 24), (sound.SampleRate, sound.Channels, sound.Length));
        Assert.Equal(Bytes(DecodedThird).Select(value => (sbyte)value / 128f), sound.Values);
    }

    [Fact]
    public void What_stands_behind_the_last_frame_is_no_sound()
        => Assert.Equal(24, Read([.. Bytes(Third), .. "TAG of another program"u8]).Length);

    [Fact]
    public void File_that_is_damaged_anywhere_in_its_sound_is_refused_wherever_it_is()
    {
        var file = Bytes(Second);
        for (var place = 0x88; place < file.Length; place++)
        {
            byte[] broken = [.. file];
            broken[place] ^= 0x10;
            Assert.Throws<FormatException>(() => Read(broken));
        }
        Assert.Contains("damaged in the frame at byte 42 of the file",
            Assert.Throws<FormatException>(() => Read([.. Bytes(Third)[..^1], 0])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_is_cut_off_is_refused_wherever_it_ends()
    {
        var file = Bytes(Second);
        for (var length = 4; length < file.Length; length++) Assert.Throws<FormatException>(() => Read(file[..length]));
        Assert.Contains("cut off", Assert.Throws<FormatException>(() => Read(file[..0x60])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_promises_more_than_is_read_takes_no_memory_for_it()
    {
        var file = Bytes(Third);
        file[0x16] = 0x7f;
        Assert.Contains("more than 67,108,864 values", Assert.Throws<FormatException>(() => Read(file)).Message,
            StringComparison.Ordinal);
    }
}
