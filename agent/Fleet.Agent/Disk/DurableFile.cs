using System.Runtime.InteropServices;

namespace Fleet.Agent.Disk;

/// <summary>Files that survive a power cut: a reader finds the old content or the new one, never a part of either.</summary>
internal static partial class DurableFile
{
    /// <summary>Read and written by the owner only.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const int ReadOnly = 0; // O_RDONLY, the same number everywhere; O_DIRECTORY differs between x86 and Arm.

    /// <summary>Replaces <paramref name="path"/> in one step; it is on the disk when this returns.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var staged = path + ".new";
        try
        {
            File.Delete(staged); // Its mode is set when it is made, so it must be made here.
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 };
            using (var file = new FileStream(staged, options))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(staged, path, overwrite: true);
        }
        catch
        {
            File.Delete(staged);
            throw;
        }
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <summary>Moves a file that was flushed into place; the new name is on the disk when this returns.</summary>
    public static void MoveIntoPlace(string source, string destination)
    {
        File.Move(source, destination, overwrite: true);
        SyncFolder(Path.GetDirectoryName(destination)!);
    }

    /// <summary>The content of a file, or null when there is none.</summary>
    public static byte[]? Read(string path)
    {
        try { return File.ReadAllBytes(path); }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException) { return null; }
    }

    /// <summary>True when <paramref name="exception"/> says that the disk or the quota is full (ENOSPC, EDQUOT).</summary>
    public static bool IsDiskFull(IOException exception) => (exception.HResult & 0xFFFF) is 28 or 112 or 122;

    /// <summary>Bytes free for the agent where <paramref name="folder"/> lies.</summary>
    public static long FreeBytes(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>A rename is durable only once the folder that holds the name is flushed; .NET opens no folders, libc does.</summary>
    private static void SyncFolder(string folder)
    {
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw new IOException($"Folder {folder} could not be opened to flush it (errno {Marshal.GetLastPInvokeError()}).");
        _ = FSync(descriptor); // Some file systems cannot flush folders and say so; they have nothing better to offer.
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
