namespace Fleet.Platform;

/// <summary>
/// Limits that the kernel keeps for this process and what it starts. Memory is limited by <c>RLIMIT_DATA</c>, which counts private
/// writable memory, touched or not; <c>RLIMIT_AS</c> would not do, for .NET reserves far more addresses than it uses (50 GiB on a
/// machine of 23 GiB). Elsewhere than on Linux nothing is limited.
/// </summary>
public static class ProcessLimits
{
    /// <summary>Allows this process <paramref name="further"/> bytes of memory more than it has now, for good.</summary>
    public static void AllowMemory(long further)
    {
        if (Ceiling(further) is { } most) _ = LibC.SetLimit(LibC.DataResource, new LibC.ResourceLimit(most, most));
    }

    /// <summary>
    /// Allows this process <paramref name="further"/> bytes of memory more than it has now, or what it is allowed already when that is
    /// less, until disposed of.
    /// </summary>
    public static IDisposable AllowMemoryMeanwhile(long further)
    {
        if (Ceiling(further) is not { } most || LibC.GetLimit(LibC.DataResource, out var before) != 0) return new Restoration(null);
        _ = LibC.SetLimit(LibC.DataResource, before with { Soft = Math.Min(before.Soft, most) });
        return new Restoration(before);
    }

    /// <summary>Lets no crash of this process write a core file.</summary>
    public static void ForbidCoreFile()
    {
        if (OperatingSystem.IsLinux()) _ = LibC.SetLimit(LibC.CoreResource, new LibC.ResourceLimit(0, 0));
    }

    private static nuint? Ceiling(long further)
        => OperatingSystem.IsLinux() && ProcessMemory.Data(Environment.ProcessId) is { } now ? (nuint)(now + further) : null;

    private sealed class Restoration(LibC.ResourceLimit? before) : IDisposable
    {
        public void Dispose()
        {
            if (before is { } limit) _ = LibC.SetLimit(LibC.DataResource, limit);
        }
    }
}
