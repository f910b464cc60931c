using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Fleet.Contracts.Tensors;

/// <summary>NumPy's arrays of words with one axis: labels as people have them.</summary>
public static partial class NpyWords
{
    /// <summary>Bytes of a character where NumPy stores Unicode.</summary>
    private const int Wide = 4;

    /// <summary>The words of an npy file; null where it does not hold words.</summary>
    /// <exception cref="FormatException">It holds words in another form than one axis, or is cut off.</exception>
    public static IReadOnlyList<string>? TryParse(ReadOnlyMemory<byte> file)
    {
        var bytes = file.Span;
        if (bytes.Length < 12 || bytes[0] != 0x93) return null;
        var (start, length) = bytes[6] == 1
            ? (10, bytes[8] | bytes[9] << 8) : (12, bytes[8] | bytes[9] << 8 | bytes[10] << 16 | (bytes[11] & 0x7f) << 24);
        if (length > bytes.Length - start) return null;
        var header = Header().Match(Encoding.Latin1.GetString(bytes.Slice(start, length)));
        if (!header.Success) return null;
        if (header.Groups["kind"].Value == "O")
            throw new FormatException(
                "The npy file holds Python objects, which are not read; save words with np.array(labels, dtype=str).");
        var axes = header.Groups["shape"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var width = int.Parse(header.Groups["size"].Value, CultureInfo.InvariantCulture)
            * (header.Groups["kind"].Value == "U" ? Wide : 1);
        var data = bytes[(start + length)..];
        if (axes is not [var axis] || !int.TryParse(axis, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || width == 0 || data.Length != (long)count * width)
            throw new FormatException($"The npy file holds words of shape ({header.Groups["shape"].Value}) in {data.Length} bytes; one "
                + "axis of words is read. Save it again with np.ravel.");
        var encoding = header.Groups["kind"].Value == "U" ? Encoding.UTF32 : Encoding.UTF8;
        var words = new string[count];
        for (var word = 0; word < count; word++) words[word] = encoding.GetString(data.Slice(word * width, width)).TrimEnd('\0');
        return words;
    }

    [GeneratedRegex(@"'descr':\s*'[<|](?<kind>[USO])(?<size>[0-9]{0,6})'.*'shape':\s*\((?<shape>[^)]*)\)")]
    private static partial Regex Header();
}
