using System.Text;
using Fleet.Contracts.Releases;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests;

/// <summary>What somebody may do to a bundle who writes one byte by byte.</summary>
public sealed class BundleAttackTests
{
    [Theory]
    [InlineData("../evil")]
    [InlineData("/etc/passwd")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData(".hidden")]
    [InlineData("")]
    public async Task Names_that_lead_out_of_the_folder_are_refused(string name)
        => await RefusedAsync("not a plain file name",
            TestBundle.Entry(TestBundle.Header("x", 0, header => Put(header, 0, name, 100)), []));

    [Fact]
    public async Task Path_hidden_in_the_prefix_of_a_header_is_refused()
        => await RefusedAsync("not a plain file name",
            TestBundle.Entry(TestBundle.Header("x", 0, header => Put(header, 345, "..", 155)), []));

    [Theory]
    [InlineData('1')]
    [InlineData('2')]
    [InlineData('3')]
    [InlineData('5')]
    [InlineData('L')]
    [InlineData('S')]
    [InlineData('g')]
    [InlineData('x')]
    public async Task Links_folders_and_extensions_are_refused(char kind)
        => await RefusedAsync("not a plain file", TestBundle.Entry(TestBundle.Header("x", 0, header => header[156] = (byte)kind), []));

    [Theory]
    [InlineData((1L << 31) + 1)]
    [InlineData(1L << 32)]
    [InlineData((1L << 33) - 1)]
    public async Task Size_beyond_that_of_an_artifact_is_refused_before_a_byte_is_read(long length)
        => await RefusedAsync("at most 2,147,483,648 are read", BundleFormat.HeaderOf("x", length));

    [Theory]
    [InlineData(BundleFormat.EnvelopeName, Limits.ManifestBytes)]
    [InlineData(BundleFormat.SignatureName, ModelSignature.MaximumBytes)]
    public async Task Release_and_signature_are_bounded(string name, int most)
    {
        await RefusedAsync("are read", BundleFormat.HeaderOf(name, most + 1L));
        Assert.Single(await TestBundle.ReadAsync(TestBundle.Of((name, new byte[most]))));
    }

    [Theory]
    [InlineData("\u0080\0\0\0\0\0\0\u0001\0\0\0\0")]
    [InlineData("-0000000001\0")]
    [InlineData("99999999999\0")]
    [InlineData("            ")]
    public async Task Size_that_is_not_octal_is_refused(string size)
        => await RefusedAsync("number of a header", TestBundle.Entry(
            TestBundle.Header("x", 0, header => Encoding.Latin1.GetBytes(size).CopyTo(header, 124)), []));

    [Fact]
    public async Task Name_that_stands_twice_is_refused_whatever_its_case()
        => await RefusedAsync("stands in it twice", TestBundle.Of(("model.onnx", [1]), ("MODEL.onnx", [2])));

    [Fact]
    public async Task More_files_than_a_release_has_are_refused()
        => await RefusedAsync($"more than {BundleFormat.MaximumFiles} files", TestBundle.Of(
            [.. Enumerable.Range(0, BundleFormat.MaximumFiles + 1).Select(i => ($"f{i}", Array.Empty<byte>()))]));

    [Fact]
    public async Task Header_with_a_byte_changed_is_refused()
    {
        for (var i = 0; i < 148; i++)
        {
            var header = BundleFormat.HeaderOf("model.onnx", 0);
            header[i] ^= 1;
            await Assert.ThrowsAsync<FormatException>(() => TestBundle.ReadAsync([.. header, .. BundleFormat.End]));
        }
    }

    [Fact]
    public async Task Bundle_that_is_cut_short_anywhere_is_refused()
    {
        var whole = TestBundle.Of(("release.json", [1, 2, 3]), ("model.onnx", new byte[700]));
        Assert.Equal(2, (await TestBundle.ReadAsync(whole)).Count);
        for (var length = 0; length < whole.Length - 512; length += 37)
            await Assert.ThrowsAsync<FormatException>(() => TestBundle.ReadAsync(whole[..length]));
    }

    private static void Put(byte[] header, int at, string text, int field)
    {
        header.AsSpan(at, field).Clear();
        Encoding.ASCII.GetBytes(text).CopyTo(header, at);
    }

    private static async Task RefusedAsync(string why, byte[] bundle)
        => Assert.Contains(why, (await Assert.ThrowsAsync<FormatException>(() => TestBundle.ReadAsync(bundle))).Message);
}
