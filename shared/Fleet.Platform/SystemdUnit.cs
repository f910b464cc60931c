using System.Globalization;

namespace Fleet.Platform;

/// <summary>Whether systemd started this process as a unit.</summary>
public static class SystemdUnit
{
    /// <summary>
    /// True when it did. systemd names in this variable the process that it started, so that a child, which inherits it, is not meant. To
    /// look at the parent process instead does not do: under <c>ProtectProc=invisible</c>, as in the units of <c>deploy/systemd</c>, nobody
    /// sees it.
    /// </summary>
    public static bool IsThisProcess { get; }
        = Environment.GetEnvironmentVariable("SYSTEMD_EXEC_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
}
