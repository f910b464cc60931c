using Fleet.Contracts.Releases;

namespace Fleet.TestKit;

/// <summary>Bundles byte by byte, whole and broken.</summary>
public static class TestBundle
{
    /// <summary>A bundle of files, in the order given.</summary>
    public static byte[] Of(params IReadOnlyList<(string Name, byte[] Content)> files)
        => [.. files.SelectMany(file => Entry(BundleFormat.HeaderOf(file.Name, file.Content.Length), file.Content)), .. BundleFormat.End];

    /// <summary>One file behind a header that may say anything.</summary>
    public static byte[] Entry(byte[] header, byte[] content)
        => [.. header, .. content, .. new byte[BundleFormat.PaddingOf(content.Length)]];

    /// <summary>A header that was changed by somebody who knows how to sum it up.</summary>
    public static byte[] Header(string name, long length, Action<byte[]> change)
    {
        var header = BundleFormat.HeaderOf(name, length);
        change(header);
        var sum = 8 * ' ' + header.Index().Where(each => each.Index is < 148 or >= 156).Sum(each => each.Item);
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        return header;
    }

    /// <summary>The files of a bundle.</summary>
    public static async Task<List<(string Name, byte[] Content)>> ReadAsync(byte[] bundle)
    {
        var files = new List<(string, byte[])>();
        await BundleReader.ReadAsync(new MemoryStream(bundle), async (name, length, content) =>
        {
            var bytes = new byte[length];
            await content.ReadExactlyAsync(bytes);
            files.Add((name, bytes));
        }, CancellationToken.None);
        return files;
    }
}
