namespace Fleet.TestKit;

/// <summary>Who may open files and folders.</summary>
public static class FileModes
{
    private const UnixFileMode Others = (UnixFileMode)0b000_111_111;

    /// <summary>A program and its arguments, started with the umask that most systems have: others may read what is created.</summary>
    public static (string Program, string[] Arguments) WithOpenUmask(string program, params string[] arguments)
        => ("/bin/sh", ["-c", "umask 022; exec \"$0\" \"$@\"", program, .. arguments]);

    /// <summary>
    /// Files and folders in a folder that somebody but their owner may open, each with its mode. Links are passed over: they have none.
    /// </summary>
    public static IReadOnlyList<string> OpenToOthers(string folder)
        => [
            .. new DirectoryInfo(folder).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
                .Where(entry => entry.LinkTarget is null && (entry.UnixFileMode & Others) != 0)
                .Select(entry => $"{Convert.ToString((int)entry.UnixFileMode, 8)} {entry.FullName}"),
        ];
}
