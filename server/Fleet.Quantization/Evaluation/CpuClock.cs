using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Processor time: what work costs, which a neighbour that takes the processor away does not lengthen. Where the system has no such clock
/// (any but Linux), it is the time on the wall.
/// </summary>
internal static partial class CpuClock
{
    // <time.h> of Linux.
    private const int OfProcess = 2, OfThread = 3;

    /// <summary>Nanoseconds that the calling thread has computed, or <paramref name="everyThread"/> of this process.</summary>
    public static long Now(bool everyThread)
    {
        if (!OperatingSystem.IsLinux()) return (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
        return ReadClock(everyThread ? OfProcess : OfThread, out var time) == 0
            ? time.Seconds * 1_000_000_000L + time.Nanoseconds
            : throw new InvalidOperationException($"libc has no clock of processor time (error {Marshal.GetLastPInvokeError()}).");
    }

    /// <summary>The time between two readings.</summary>
    public static TimeSpan Between(long from, long to) => TimeSpan.FromTicks((to - from) / TimeSpan.NanosecondsPerTick);

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int ReadClock(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct TimeSpec
    {
        public readonly nint Seconds, Nanoseconds;
    }
}
