using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Media;
using Fleet.Quantization.Media;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests.Media;

/// <summary>PNG and JPEG files: all of a picture as it stands in the file, or a sentence.</summary>
public sealed class PictureFileTests
{
    /// <summary>19x13 pixels with half the colours' resolution, written by cjpeg of libjpeg-turbo 2.1.5 at quality 80.</summary>
    private static readonly byte[] Jpeg = Convert.FromBase64String("""
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwgIyYnKSopGR8tMC
        0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCj/wAARCAAN
        ABMDASIAAhEBAxEB/8QAFwAAAwEAAAAAAAAAAAAAAAAAAAUHBv/EACUQAAEDAgQHAQAAAAAAAAAAAAMAAQIEEQUSEyEGByMxMkFhwf/EABYBAQ
        EBAAAAAAAAAAAAAAAAAAUGB//EACARAAIBBAEFAAAAAAAAAAAAAAECAwAEBTEhBhEiMkH/2gAMAwEAAhEDEQA/AMAK1LQDDHZ7Km8ssPyD15t9
        UuH1sRGOXjdXLh0caXBoabd2SeQ6XRIQo21J5i5FzkZZ29YhxTotZYkmZ9kJEWtYZHi48zt7zW/EKKmgwtvI0MkvZlJB8W2OD8rG5cxeO5YaJr
        //2Q==
        """.ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal));

    private static readonly byte[] Pixels = [.. Enumerable.Range(0, 5 * 4 * 3).Select(value => (byte)(value * 41))];

    [Fact]
    public void Jpeg_is_read_to_the_bit_as_libjpeg_turbo_reads_it()
    {
        // What 'djpeg -dct int' of libjpeg-turbo 2.1.5 makes of it.
        var picture = PictureFile.Read(Jpeg);
        Assert.Equal((19, 13, false), (picture.Width, picture.Height, picture.IsGrey));
        Assert.Equal("486af301e64c07762bb5b04eabe49d3fa29cac96f0153268d08c84de006d16a0",
            Convert.ToHexStringLower(SHA256.HashData(Colours(picture))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void Png_is_read_as_it_was_written_without_its_opacity(int channels)
    {
        byte[] pixels = [.. Pixels.Take(5 * 3 * channels)];
        var picture = PictureFile.Read(PngWriter.Write(5, 3, channels, pixels));
        Assert.Equal((5, 3, channels == 1), (picture.Width, picture.Height, picture.IsGrey));
        Assert.Equal([.. pixels.Where((_, at) => channels != 4 || at % 4 != 3)], Colours(picture));
    }

    [Fact]
    public void Of_colours_of_16_bits_the_upper_eight_are_read()
    {
        byte[] deep = [.. Pixels.SelectMany(value => new[] { value, (byte)(255 - value) })];
        Assert.Equal(Pixels, Colours(PictureFile.Read(PngWriter.Write(5, 4, 3, deep, depth: 16))));
    }

    [Fact]
    public void Picture_that_was_cut_off_is_never_half_read()
    {
        foreach (var file in new[] { Jpeg, PngWriter.Write(5, 4, 3, Pixels) })
        {
            var whole = Colours(PictureFile.Read(file));
            var refused = 0;
            for (var length = 0; length < file.Length; length++)
            {
                try
                {
                    // Without what closes the file nothing of the picture is missing.
                    Assert.Equal(whole, Colours(PictureFile.Read(file[..length])));
                }
                catch (FormatException e)
                {
                    refused++;
                    Assert.Matches("again|move it away|understood|PGM", e.Message);
                }
            }
            Assert.InRange(refused, file.Length - 40, file.Length);
        }
    }

    [Fact]
    public void Damaged_picture_is_read_or_refused_and_ends_nothing()
    {
        var random = new Random(5);
        foreach (var file in new[] { Jpeg, PngWriter.Write(5, 4, 3, Pixels) })
        {
            for (var trial = 0; trial < 2000; trial++)
            {
                byte[] damaged = [.. file];
                for (var change = 0; change <= trial % 4; change++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                try
                {
                    Assert.InRange(PictureFile.Read(damaged).Width, 1, Picture.MaximumPixels);
                }
                catch (FormatException)
                {
                    // Said.
                }
            }
        }
    }

    [Fact]
    public void Png_with_a_wrong_byte_is_refused_by_its_checksum()
    {
        var file = PngWriter.Write(5, 4, 3, Pixels);
        file[60] ^= 1;
        Assert.Contains("damaged", Refusal(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Picture_that_unpacks_to_far_more_than_its_file_is_refused_before_it_is_unpacked()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("60000x60000 pixels", Refusal(PngWriter.Write(60_000, 60_000, 3, new byte[10])), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Fact]
    public void What_would_be_read_as_something_else_is_refused()
    {
        Assert.Contains("grey with 16 bits", Refusal(PngWriter.Write(5, 4, 1, Pixels[..40], depth: 16)), StringComparison.Ordinal);
        Assert.Contains("does not begin", Refusal(Encoding.ASCII.GetBytes("GIF89a.......")), StringComparison.Ordinal);
        Assert.Contains("does not begin", Refusal([]), StringComparison.Ordinal);
    }

    [Theory]
    // As EXIF 2.32 has them: where the first pixel of the file, in the upper left there, is seen.
    [InlineData(1, 0, 0, 19)]
    [InlineData(2, 18, 0, 19)]
    [InlineData(3, 18, 12, 19)]
    [InlineData(4, 0, 12, 19)]
    [InlineData(5, 0, 0, 13)]
    [InlineData(6, 12, 0, 13)]
    [InlineData(7, 12, 18, 13)]
    [InlineData(8, 0, 18, 13)]
    public void Picture_that_says_that_it_is_to_be_turned_is_turned(byte orientation, int x, int y, int width)
    {
        var stored = PictureFile.Read(Jpeg);
        byte[] exif = [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
        var turned = PictureFile.Read([.. Jpeg.Take(2), 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. Jpeg.Skip(2)]);
        Assert.Equal((width, 19 + 13 - width), (turned.Width, turned.Height));
        Assert.Equal(stored.Values[..3], turned.Values[((y * turned.Width + x) * turned.Step)..][..3]);
        // The second pixel of the file's first row tells the two that share a first one apart.
        var (nextX, nextY) = orientation switch { 1 or 4 => (x + 1, y), 2 or 3 => (x - 1, y), 5 or 6 => (x, y + 1), _ => (x, y - 1) };
        Assert.Equal(stored.Values[4..7], turned.Values[((nextY * turned.Width + nextX) * turned.Step)..][..3]);
    }

    private static string Refusal(byte[] file) => Assert.Throws<FormatException>(() => PictureFile.Read(file)).Message;

    private static byte[] Colours(Picture picture)
        => [.. picture.Values.Where((_, at) => at % picture.Step < (picture.IsGrey ? 1 : 3))];
}
