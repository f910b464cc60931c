namespace Fleet.Platform;

/// <summary>The process that started this one, and how not to outlive it.</summary>
public static class ParentProcess
{
    /// <summary>How often <see cref="GoneAsync"/> looks.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Its id; another process's once it has ended, for Linux then gives its children to someone else.</summary>
    public static int Id => OperatingSystem.IsLinux() ? LibC.ParentProcess() : 0;

    /// <summary>
    /// Asks the kernel to send <paramref name="signal"/> to this process when its parent ends, however it ends; programs started by
    /// <c>execv</c> keep this. False when <paramref name="starter"/> is not the parent any more: nothing will ever come then.
    /// </summary>
    /// <remarks>
    /// The kernel means the <em>thread</em> that started this process. The parent has to start it from one that lives as long as the
    /// process is to live; a thread of the pool does not.
    /// </remarks>
    public static bool EndWithIt(ProcessSignal signal, int starter)
    {
        if (!OperatingSystem.IsLinux()) return true;
        _ = LibC.ProcessControl(LibC.ParentDeathSignal, (nuint)signal, 0, 0, 0);
        // The signal comes for a parent that ends from now on; one that is gone already has to be noticed here.
        return Id == starter;
    }

    /// <summary>
    /// Completes when <paramref name="starter"/> is not the parent any more: for a process that was started from any thread, and that
    /// has something to do before it ends too.
    /// </summary>
    /// <param name="starter">The parent's id, taken where the process still knew that it was alive: one that ended a moment before
    /// this call would otherwise be mistaken for the process that inherited its children.</param>
    /// <param name="time">Clock that says when to look again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task GoneAsync(int starter, TimeProvider time, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (Id == starter) await timer.WaitForNextTickAsync(cancellationToken);
    }
}
