namespace Fleet.Server.Audit;

/// <summary>A file of the trail, read line by line whatever is appended meanwhile.</summary>
internal static class AuditFile
{
    /// <summary>A line longer than this was not written by the trail.</summary>
    private const int LongestLine = 1024 * 1024;

    private const int BlockBytes = 64 * 1024;

    /// <summary>Its whole lines as bytes, without line breaks. One that has no end yet is being written.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> LinesOf(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
        var line = new MemoryStream();
        for (int next; (next = file.ReadByte()) >= 0;)
        {
            if (next != '\n')
            {
                if (line.Length < LongestLine) line.WriteByte((byte)next);
                continue;
            }
            yield return line.ToArray();
            line.SetLength(0);
        }
    }

    /// <summary>
    /// The same from the last line to the first. Of a file that is appended to meanwhile, what was there at the beginning.
    /// </summary>
    public static IEnumerable<ReadOnlyMemory<byte>> LinesBackwardOf(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var block = new byte[BlockBytes];
        // What stands before it is not read yet; a line that has no end is being written, and is none.
        var (line, isWhole) = (new List<byte>(), false);
        for (var place = file.Length; place > 0;)
        {
            var length = (int)Math.Min(BlockBytes, place);
            place -= length;
            file.Position = place;
            file.ReadExactly(block, 0, length);
            for (var i = length - 1; i >= 0; i--)
            {
                if (block[i] != '\n')
                {
                    if (isWhole && line.Count < LongestLine) line.Add(block[i]);
                    continue;
                }
                if (isWhole) yield return Turned(line);
                isWhole = true;
                line.Clear();
            }
        }
        if (isWhole) yield return Turned(line);
    }

    private static byte[] Turned(List<byte> line)
    {
        var bytes = line.ToArray();
        Array.Reverse(bytes);
        return bytes;
    }

    /// <summary>Ends a line that a power cut has left short: the next one must not stand behind half of it.</summary>
    public static void EndLastLine(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        file.Position = file.Length - 1;
        if (file.ReadByte() != '\n') file.WriteByte((byte)'\n');
    }

    /// <summary>A file, checked from its first to its last line.</summary>
    public static AuditVerifier Verify(string path)
    {
        var verifier = new AuditVerifier();
        foreach (var line in LinesOf(path)) verifier.Add(line.Span);
        return verifier;
    }
}
