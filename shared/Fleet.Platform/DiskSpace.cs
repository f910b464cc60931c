namespace Fleet.Platform;

/// <summary>How much a disk still takes.</summary>
public static class DiskSpace
{
    /// <summary>Bytes that this process may still write where <paramref name="folder"/> is.</summary>
    public static long FreeBytes(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>True when a write failed because the disk or a quota is full (ENOSPC, EDQUOT, ERROR_DISK_FULL).</summary>
    public static bool IsFull(IOException exception) => (exception.HResult & 0xFFFF) is 28 or 112 or 122;

    /// <summary>The failure of a write in words, with what helps where the disk is full.</summary>
    /// <param name="failure">It.</param>
    /// <param name="then">What to do, or what happens, once there is space: the end of a sentence.</param>
    public static string Explain(Exception failure, string then)
        => failure is IOException full && IsFull(full) ? $"{failure.Message}. Make space on that disk; {then}." : failure.Message;
}
