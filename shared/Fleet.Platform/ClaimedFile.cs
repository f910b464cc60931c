namespace Fleet.Platform;

/// <summary>
/// A file that one process holds at a time. The system lets go of it however that process ends, so that no stale claim keeps a restarted
/// one out.
/// </summary>
public static class ClaimedFile
{
    /// <summary>The file, made where it is missing; null when another process holds it.</summary>
    /// <exception cref="IOException">It cannot be opened for another reason: its folder is missing, the disk is full.</exception>
    public static FileStream? TryOpen(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
    }

    /// <summary>EWOULDBLOCK of the lock, or ERROR_SHARING_VIOLATION.</summary>
    private static bool IsHeld(IOException exception) => (exception.HResult & 0xFFFF) is 11 or 32;
}
