using System.Globalization;
using System.Text;

namespace Fleet.Contracts.Releases;

/// <summary>
/// The form of a bundle: a tar (POSIX ustar) of plain files in one folder, so that every tar unpacks it. Nothing else of what tar can
/// is written or read: no links, folders, long names, sparse files, extended headers or sizes in binary.
/// </summary>
public static class BundleFormat
{
    /// <summary>The signed release, as devices get it. The first file.</summary>
    public const string EnvelopeName = "release.json";

    /// <summary>The signature of every other file, for the standard tool. The second.</summary>
    public const string SignatureName = "model.sig";

    /// <summary>A desired state with its order, for the one device it names. Behind the signature; absent from most bundles.</summary>
    public const string OrderName = "order.json";

    /// <summary>Bytes of a block: headers are one, contents are filled up to whole ones.</summary>
    public const int BlockBytes = 512;

    /// <summary>Most files: a release's artifacts and the three above.</summary>
    public const int MaximumFiles = Limits.VariantsPerRelease + 4;

    /// <summary>Most bytes of a bundle.</summary>
    public const long MaximumBytes = MaximumFiles * (Limits.ArtifactBytes + 2 * BlockBytes);

    private const int NameBytes = 100;

    /// <summary>What follows the last file: two empty blocks.</summary>
    public static byte[] End => new byte[2 * BlockBytes];

    /// <summary>Bytes that fill the last block of a content.</summary>
    public static int PaddingOf(long length) => (int)((BlockBytes - length % BlockBytes) % BlockBytes);

    /// <summary>True for a name that cannot lead out of a folder, on any system.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= NameBytes && name[0] != '.'
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');

    /// <summary>
    /// The name in the bundle of every artifact of a release: its own where that is plain and its alone, else its digest.
    /// </summary>
    public static IReadOnlyDictionary<string, ArtifactReference> NamesOf(ReleaseManifest manifest)
    {
        ArtifactReference[] artifacts = [.. manifest.Artifacts().DistinctBy(artifact => artifact.Sha256)];
        var taken = artifacts.CountBy(artifact => artifact.Name, StringComparer.OrdinalIgnoreCase).ToDictionary(
            StringComparer.OrdinalIgnoreCase);
        return artifacts.ToDictionary(artifact => IsName(artifact.Name) && taken[artifact.Name] == 1
            && !artifact.Name.Equals(EnvelopeName, StringComparison.OrdinalIgnoreCase)
            && !artifact.Name.Equals(SignatureName, StringComparison.OrdinalIgnoreCase)
            && !artifact.Name.Equals(OrderName, StringComparison.OrdinalIgnoreCase) ? artifact.Name : artifact.Sha256);
    }

    /// <summary>The header of a file.</summary>
    public static byte[] HeaderOf(string name, long length)
    {
        if (!IsName(name)) throw new ArgumentException($"'{name}' is not a name that a bundle may hold.", nameof(name));
        var block = new byte[BlockBytes];
        void Put(int at, string text) => Encoding.ASCII.GetBytes(text, block.AsSpan(at));
        void Octal(int at, int digits, long value) => Put(at, Convert.ToString(value, 8).PadLeft(digits, '0'));
        Put(0, name);
        Octal(100, 7, 0b110_100_100);
        Octal(108, 7, 0);
        Octal(116, 7, 0);
        Octal(124, 11, length);
        Octal(136, 11, 0);
        Put(156, "0");
        Put(257, "ustar");
        Put(263, "00");
        Octal(148, 6, SumOf(block));
        block[155] = (byte)' ';
        return block;
    }

    /// <summary>Reads a header; null for the empty block that ends a bundle.</summary>
    /// <exception cref="FormatException">It is not the header of a plain file; the message says why.</exception>
    public static (string Name, long Length)? ReadHeader(ReadOnlySpan<byte> block)
    {
        if (block.IndexOfAnyExcept((byte)0) < 0) return null;
        if (!block[257..262].SequenceEqual("ustar"u8)) throw new FormatException("It is not a tar of ustar form.");
        if (OctalOf(block[148..156].TrimEnd(" \0"u8)) != SumOf(block)) throw new FormatException("A header was changed: its sum differs.");
        var name = Encoding.ASCII.GetString(block[..NameBytes].TrimEnd((byte)0));
        if (block[345..500].IndexOfAnyExcept((byte)0) >= 0 || !IsName(name))
            throw new FormatException($"It holds '{Printable(name)}', which is not a plain file name.");
        if (block[156] is not ((byte)'0' or 0))
            throw new FormatException($"'{name}' is not a plain file: a bundle holds no links, folders or extensions.");
        return (name, OctalOf(block[124..136].TrimEnd(" \0"u8)));
    }

    private static long OctalOf(ReadOnlySpan<byte> digits)
    {
        long value = 0;
        if (digits.Length is 0 or > 11) throw new FormatException("A number of a header is missing or too long.");
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7') throw new FormatException("A number of a header is not octal.");
            value = value * 8 + digit - '0';
        }
        return value;
    }

    private static int SumOf(ReadOnlySpan<byte> block)
    {
        var sum = 8 * ' ';
        for (var i = 0; i < BlockBytes; i++) sum += i is >= 148 and < 156 ? 0 : block[i];
        return sum;
    }

    private static string Printable(string name) => string.Create(
        CultureInfo.InvariantCulture,
        $"{string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '/' or '.' or '-' ? letter : '?'))}");
}
