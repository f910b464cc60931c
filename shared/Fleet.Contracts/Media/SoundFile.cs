namespace Fleet.Contracts.Media;

/// <summary>Sound from a file of one of the forms that are read, by its beginning. A server and a device read the same.</summary>
public static class SoundFile
{
    /// <summary>Reads one file, all of it or nothing.</summary>
    /// <inheritdoc cref="WavFile.Read" path="/exception"/>
    public static Sound Read(Stream file)
    {
        Span<byte> begin = stackalloc byte[4];
        var isFlac = file.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false) == begin.Length && begin.SequenceEqual(FlacFile.Mark);
        file.Position = 0;
        return isFlac ? FlacFile.Read(file) : WavFile.Read(file);
    }
}
