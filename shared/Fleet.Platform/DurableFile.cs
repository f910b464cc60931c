using System.Runtime.InteropServices;

namespace Fleet.Platform;

/// <summary>Files that survive a power cut: whoever reads finds the old content or the new one, never a part of either.</summary>
public static class DurableFile
{
    /// <summary>Replaces <paramref name="path"/> in one step with a file for its owner only; it is on disk when this returns.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var staged = path + ".new";
        try
        {
            File.Delete(staged); // Left by a process that was killed.
            using (var file = OwnerOnly.CreateFile(staged))
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
        FlushFolderOf(path);
    }

    /// <summary>Moves a file that was flushed into place; the new name is on disk when this returns.</summary>
    public static void MoveIntoPlace(string source, string destination)
    {
        File.Move(source, destination, overwrite: true);
        FlushFolderOf(destination);
    }

    /// <summary>The content of a file, or null when there is none.</summary>
    public static byte[]? Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Puts the names in a folder on disk: a new or changed name lives in the folder, not in the file.</summary>
    /// <remarks>.NET cannot open folders, libc can. Windows writes names by itself.</remarks>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = LibC.Open(folder, LibC.ReadOnly);
        if (descriptor < 0) throw Failure(folder, "opened to flush it");
        try
        {
            // A file system that cannot flush folders has nothing better to offer; a disk that fails must be heard.
            if (LibC.Sync(descriptor) != 0 && Marshal.GetLastPInvokeError() != LibC.InvalidArgument)
                throw Failure(folder, "flushed to disk");
        }
        finally
        {
            _ = LibC.Close(descriptor);
        }
    }

    private static void FlushFolderOf(string path) => FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);

    private static IOException Failure(string folder, string what)
        => new($"Folder {folder} could not be {what}: {Marshal.GetLastPInvokeErrorMessage()}.");
}
