using System.Runtime.InteropServices;

namespace Fleet.Quantization.Onnx;

/// <summary>Tells the system what becomes of the memory of a mapped file; where it is not asked, nothing happens.</summary>
internal static unsafe partial class MemoryAdvice
{
    /// <summary>Numbers of advice in <c>sys/mman.h</c>.</summary>
    private const int RandomOrder = 1, DontNeed = 4;

    /// <summary>It is read here and there: nothing is read ahead, which the system does by 128 kB unless it was told otherwise.</summary>
    public static void IsReadAtRandom(void* first, long bytes) => Give(first, bytes, RandomOrder);

    /// <summary>What was read is not needed: the system has it still in the file, and maps it again where it is read again.</summary>
    public static void LetGo(void* first, long bytes) => Give(first, bytes, DontNeed);

    private static void Give(void* first, long bytes, int advice)
    {
        if (OperatingSystem.IsLinux()) _ = Advise(first, (nuint)bytes, advice);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* first, nuint length, int advice);
}
