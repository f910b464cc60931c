using System.Buffers.Text;

namespace Fleet.Platform;

/// <summary>What the kernel says of a process's memory (<c>/proc/PID/status</c>, proc_pid_status(5)).</summary>
public static class ProcessMemory
{
    /// <summary>Largest resident memory so far in bytes (<c>VmHWM</c>); null when the process has ended.</summary>
    public static long? PeakResident(int processId) => Read(processId, "VmHWM:"u8);

    /// <summary>Resident memory now in bytes (<c>VmRSS</c>); null when the process has ended.</summary>
    public static long? Resident(int processId) => Read(processId, "VmRSS:"u8);

    /// <summary>Private writable memory in bytes, touched or not (<c>VmData</c>): what <c>RLIMIT_DATA</c> counts.</summary>
    public static long? Data(int processId) => Read(processId, "VmData:"u8);

    private static long? Read(int processId, ReadOnlySpan<byte> field)
    {
        Span<byte> status = stackalloc byte[4096];
        try
        {
            using var file = File.OpenHandle($"/proc/{processId}/status");
            status = status[..RandomAccess.Read(file, status, 0)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        // A process that is ending has a status without memory lines.
        var start = status.IndexOf(field);
        return start >= 0 && Utf8Parser.TryParse(status[(start + field.Length)..].TrimStart(" \t"u8), out long kibibytes, out _)
            ? kibibytes * 1024
            : null;
    }
}
