namespace Fleet.Platform;

/// <summary>Files and folders that nobody but their owner can open, whatever the umask of the process.</summary>
public static class OwnerOnly
{
    /// <summary>0600.</summary>
    public const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>0700.</summary>
    public const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute;

    /// <summary>
    /// From here on whatever this process and its children create is for their owner alone, whatever umask it was started with. Called
    /// first of all, while nothing has been created.
    /// </summary>
    public static void ByDefault()
    {
        if (!OperatingSystem.IsWindows()) _ = LibC.SetMask(LibC.OthersMask);
    }

    /// <summary>Creates a file for writing, without a moment in which others could open it.</summary>
    /// <exception cref="IOException">The file exists: its mode and who has it open are unknown.</exception>
    public static FileStream CreateFile(string path)
    {
        var options = new FileStreamOptions { Mode = System.IO.FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (OperatingSystem.IsWindows()) return new FileStream(path, options);
        options.UnixCreateMode = FileMode;
        var file = new FileStream(path, options);
        try
        {
            // A umask takes bits away when a file is created, perhaps the owner's own.
            File.SetUnixFileMode(file.SafeFileHandle, FileMode);
            FolderOwner.Give(path, file.SafeFileHandle);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Creates a folder; leaves one that exists as it is. Missing folders above it get the mode that the umask gives.</summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, FolderMode);
        FolderOwner.GiveFolder(path);
    }
}
