using System.Runtime.InteropServices;
using Fleet.Agent.Children;

namespace Fleet.Agent.Validation;

/// <summary>
/// Keeps a validation from taking the device's memory. The agent judges by the peak of resident memory, which it reads every few
/// milliseconds; this is the backstop for what allocates faster than that. <c>RLIMIT_AS</c> would not do: .NET reserves addresses
/// that it never uses (50 GiB on a machine of 23 GiB). <c>RLIMIT_DATA</c> counts private writable memory only, but also what was never touched.
/// </summary>
internal static class MemoryLimit
{
    /// <summary>From <c>asm-generic/resource.h</c>; the same on x64, arm64 and arm.</summary>
    private const int DataResource = 2;

    /// <summary>ONNX Runtime's arena asks for up to twice what it fills.</summary>
    private const int Untouched = 2;

    /// <summary>Allows this process so many bytes more than it has, twice over.</summary>
    public static void Set(long bytes)
    {
        if (ProcessMemory.Data(Environment.ProcessId) is not { } now) return;
        var most = (nuint)(now + Untouched * bytes);
        var limit = new ResourceLimit(most, most);
        _ = SetLimit(DataResource, in limit);
    }

    /// <summary>Asks the kernel to end this process before any other when the device runs out of memory.</summary>
    public static void TakeTheBlame()
    {
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "1000");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A hardened container; the kernel then chooses by size, which is most likely this one all the same.
        }
    }

    /// <summary>True when ONNX Runtime failed because it got no memory; it has no error code for that.</summary>
    public static bool IsCauseOf(Exception exception)
        => exception.Message.Contains("bad_alloc", StringComparison.Ordinal) || exception.Message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase);

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetLimit(int resource, in ResourceLimit limit);

    private readonly record struct ResourceLimit(nuint Soft, nuint Hard);
}
