using Fleet.Platform;

namespace Fleet.Agent.Validation;

/// <summary>
/// Keeps a validation from taking the device's memory. The agent judges by the peak of resident memory, which it reads every few
/// milliseconds; this is the backstop for what allocates faster than that.
/// </summary>
internal static class MemoryLimit
{
    /// <summary>ONNX Runtime's arena asks for up to twice what it fills, and the limit counts what was never touched as well.</summary>
    private const int Untouched = 2;

    /// <summary>Limits this process to twice <paramref name="bytes"/> more than it has now.</summary>
    public static void Set(long bytes) => ProcessLimits.AllowMemory(Untouched * bytes);

    /// <summary>Asks the kernel to end this process before any other when the device runs out of memory.</summary>
    public static void BeKilledFirst()
    {
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "1000");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A hardened container. The kernel then chooses by size, which most likely means this process anyway.
        }
    }

    /// <summary>True when ONNX Runtime failed for lack of memory; it has no error code for that.</summary>
    public static bool IsCauseOf(Exception exception)
        => exception.Message.Contains("bad_alloc", StringComparison.Ordinal)
            || exception.Message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase);
}
