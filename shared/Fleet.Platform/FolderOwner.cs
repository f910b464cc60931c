using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Platform;

/// <summary>
/// Whom files and folders belong to. A program that root starts beside a service of another user leaves files that the service can open.
/// </summary>
public static class FolderOwner
{
    private static bool _isFollowed;

    /// <summary>
    /// From here on whatever root creates in a folder of another user belongs to that user, who would otherwise find files there that only
    /// root can open. Called first of all.
    /// </summary>
    public static void Follow() => _isFollowed = !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;

    /// <summary>Number of the user that a file or folder belongs to; null where there is none, or users have no numbers.</summary>
    public static uint? UserOf(string path) => OwnerOf(path)?.User;

    /// <summary>
    /// Gives a file that was just created to whom its folder belongs to, where <see cref="Follow"/> was asked for. Who may not give files
    /// away keeps it.
    /// </summary>
    public static void Give(string path, SafeFileHandle file)
    {
        if (_isFollowed && OfFolder(path) is { User: not 0 } owner) _ = LibC.ChangeOwner(file, owner.User, owner.Group);
    }

    /// <summary>The same for a folder.</summary>
    public static void GiveFolder(string path)
    {
        if (_isFollowed && OfFolder(path) is { User: not 0 } owner) _ = LibC.ChangeLinkOwner(path, owner.User, owner.Group);
    }

    private static (uint User, uint Group)? OfFolder(string path) => OwnerOf(Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/");

    private static (uint User, uint Group)? OwnerOf(string path)
    {
        if (OperatingSystem.IsWindows()) return null;
        Span<byte> status = stackalloc byte[LibC.StatusBytes];
        return LibC.Status(LibC.WorkingFolder, path, 0, LibC.StatusOfOwner, ref MemoryMarshal.GetReference(status)) == 0
            ? (BitConverter.ToUInt32(status[LibC.StatusUser..]), BitConverter.ToUInt32(status[LibC.StatusGroup..]))
            : null;
    }
}
