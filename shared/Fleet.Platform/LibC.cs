using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Fleet.Platform;

/// <summary>The few calls of Linux that .NET has no name for, and their numbers, which are the same on x64, arm64 and arm.</summary>
internal static partial class LibC
{
    /// <summary>O_RDONLY of <c>fcntl.h</c>. O_DIRECTORY differs between processors and is not needed.</summary>
    public const int ReadOnly = 0;

    /// <summary>PR_SET_PDEATHSIG of <c>linux/prctl.h</c>.</summary>
    public const int ParentDeathSignal = 1;

    /// <summary>RLIMIT_DATA of <c>asm-generic/resource.h</c>.</summary>
    public const int DataResource = 2;

    /// <summary>RLIMIT_CORE.</summary>
    public const int CoreResource = 4;

    /// <summary>0077: what group and others would be allowed is taken away.</summary>
    public const uint OthersMask = 0x3f;

    /// <summary>EINVAL: how a file system says that it cannot flush folders.</summary>
    public const int InvalidArgument = 22;

    /// <summary>AT_FDCWD.</summary>
    public const int WorkingFolder = -100;

    /// <summary>STATX_UID and STATX_GID.</summary>
    public const uint StatusOfOwner = 0x18;

    /// <summary>Bytes of struct statx, which is the same on all processors, and where user and group are in it.</summary>
    public const int StatusBytes = 256;

    /// <summary>STATX_TYPE.</summary>
    public const uint StatusOfType = 0x1;

    /// <summary>Where the kind of a file is, and its permissions.</summary>
    public const int StatusMode = 28;

    /// <summary>S_IFMT, S_IFREG and S_IFDIR of <c>linux/stat.h</c>.</summary>
    public const int TypeMask = 0xF000, TypeRegular = 0x8000, TypeFolder = 0x4000;

    /// <summary>Where the user is.</summary>
    public const int StatusUser = 20;

    /// <summary>Where the group is.</summary>
    public const int StatusGroup = 24;

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Status(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    public static partial int ChangeOwner(SafeFileHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ChangeLinkOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "umask")]
    public static partial uint SetMask(uint mask);

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int ParentProcess();

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int option, nuint value, nuint none1, nuint none2, nuint none3);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetLimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetLimit(int resource, out ResourceLimit limit);

    /// <summary>struct rlimit: what the kernel enforces, and how far the process itself may raise that.</summary>
    public readonly record struct ResourceLimit(nuint Soft, nuint Hard);
}
