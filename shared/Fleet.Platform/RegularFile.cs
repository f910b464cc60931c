using System.Runtime.InteropServices;

namespace Fleet.Platform;

/// <summary>
/// Tells files from what only looks like one: who opens a pipe waits for whoever writes to it, and a device may never end.
/// </summary>
public static class RegularFile
{
    /// <summary>False for a pipe, a socket or a device, also behind a link; true for a file, and for what cannot be looked at.</summary>
    public static bool Is(string path)
    {
        if (!OperatingSystem.IsLinux()) return true;
        Span<byte> status = stackalloc byte[LibC.StatusBytes];
        return LibC.Status(LibC.WorkingFolder, path, 0, LibC.StatusOfType, ref MemoryMarshal.GetReference(status)) != 0
            || (BitConverter.ToUInt16(status[LibC.StatusMode..]) & LibC.TypeMask) is LibC.TypeRegular or LibC.TypeFolder;
    }

    /// <summary>What to say of one that is not, after its name.</summary>
    public const string Refusal =
        "is a pipe, a socket or a device, not a file, and was not opened; put a file in its place, or move it away.";
}
