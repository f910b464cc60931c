namespace Fleet.Platform;

/// <summary>Signals that are sent on purpose, by their numbers in Linux.</summary>
public enum ProcessSignal
{
    /// <summary>SIGINT, what Ctrl+C sends: end in order.</summary>
    Interrupt = 2,
    /// <summary>SIGKILL: the kernel ends the process, which is not asked.</summary>
    Kill = 9,
    /// <summary>SIGTERM: end in order.</summary>
    Terminate = 15,
}

/// <summary>Sends signals; .NET itself can only kill.</summary>
public static class ProcessSignals
{
    /// <summary>Sends a signal to one process; false when there is none of that id, or it belongs to someone else.</summary>
    public static bool Send(int processId, ProcessSignal signal)
    {
        // 0 and below would mean whole groups, and -1 everything.
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        return Deliver(processId, signal);
    }

    /// <summary>Sends a signal to every process of the group that <paramref name="leaderId"/> leads; false when none is left.</summary>
    public static bool SendToGroup(int leaderId, ProcessSignal signal)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(leaderId, 1);
        return Deliver(-leaderId, signal);
    }

    private static bool Deliver(int target, ProcessSignal signal) => !OperatingSystem.IsWindows() && LibC.Kill(target, (int)signal) == 0;
}
