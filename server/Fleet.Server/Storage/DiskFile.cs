using Fleet.Platform;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Server.Storage;

/// <summary>A file as a database needs it. Tests put one in between that fails, or that loses what was not synced.</summary>
internal interface IDiskFile : IDisposable
{
    /// <summary>Bytes it holds.</summary>
    long Length { get; }

    /// <summary>Reads from <paramref name="offset"/> on.</summary>
    /// <returns>How many bytes there were; fewer than asked for at the end of the file.</returns>
    int Read(long offset, Span<byte> into);

    /// <summary>Writes at <paramref name="offset"/>; a power cut may still undo it.</summary>
    void Write(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Cuts the file or lengthens it; a power cut may still undo it.</summary>
    void SetLength(long length);

    /// <summary>Returns when everything written so far survives a power cut.</summary>
    void Sync();
}

/// <summary>A file of the file system, for its owner alone.</summary>
internal sealed class DiskFile : IDiskFile
{
    private readonly SafeFileHandle _handle;

    /// <summary>Opens the file, or makes it.</summary>
    public DiskFile(string path)
    {
        var isNew = !File.Exists(path);
        _handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (!isNew) return;
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_handle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        // A file whose name is lost is lost, however well its bytes were synced.
        DurableFile.FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <inheritdoc/>
    public long Length => RandomAccess.GetLength(_handle);

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> into)
    {
        var read = 0;
        while (read < into.Length && RandomAccess.Read(_handle, into[read..], offset + read) is > 0 and var more) read += more;
        return read;
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> bytes) => RandomAccess.Write(_handle, bytes, offset);

    /// <inheritdoc/>
    public void SetLength(long length) => RandomAccess.SetLength(_handle, length);

    /// <inheritdoc/>
    public void Sync() => RandomAccess.FlushToDisk(_handle);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
