using System.Runtime.InteropServices;

namespace Fleet.Quantization.Onnx;

/// <summary>How libc's heap treats the blocks that the runtime keeps weights in.</summary>
internal static partial class NativeHeap
{
    /// <summary>Number of the setting in <c>malloc.h</c>.</summary>
    private const int MapThreshold = -3;

    /// <summary>Blocks from here on are mapped one by one.</summary>
    private const int LargeBlock = 1 << 20;

    /// <summary>
    /// Has large blocks go back to the system when they are freed. Left alone, glibc takes the largest block that was ever freed for a sign
    /// to keep all that are smaller (mallopt(3), M_MMAP_THRESHOLD), and a model of 90 MB that is opened again and again took 75 MB more.
    /// </summary>
    public static void ReturnLargeBlocks()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = MallocOption(MapThreshold, LargeBlock);
        }
        catch (EntryPointNotFoundException)
        {
            // A libc without the setting, such as musl, maps large blocks anyway.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallocOption(int option, int value);
}
