using System.Runtime.InteropServices;

namespace Fleet.Cli.Demo;

/// <summary>What a process needs to become another program, and .NET has no name for.</summary>
internal static partial class Native
{
    public const int OpenForAppending = 0x441; // O_WRONLY | O_CREAT | O_APPEND
    public const uint OwnerOnly = 0x180; // 0600

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    public static partial int BeginSession();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    public static partial int Duplicate(int descriptor, int onto);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Execute(string path, string?[] arguments);
}
