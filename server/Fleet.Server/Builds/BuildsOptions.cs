using System.ComponentModel.DataAnnotations;

namespace Fleet.Server.Builds;

/// <summary>Settings of the build queue, section <c>Fleet:Builds</c>.</summary>
internal sealed class BuildsOptions
{
    /// <summary>How long a worker may be silent before its build is given to another. Shorter finds a dead worker sooner; a training epoch must fit in.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LeaseTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Leases a build gets before it is given up: one that kills its worker this often will do so again.</summary>
    [Range(1, 100)]
    public int MaximumAttempts { get; set; } = 3;

    /// <summary>Builds that may wait or run at once; past it a new one is refused.</summary>
    [Range(1, 10_000)]
    public int MaximumOpenBuilds { get; set; } = 1000;

    /// <summary>The worker program; null finds it beside the server.</summary>
    public string? WorkerProgram { get; set; }

    /// <summary>How long to wait before a local worker that ended is started again; doubled each time up to <see cref="WorkerMaximumRestartDelay"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan WorkerRestartDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest of these waits. A worker that ran for longer than this starts over with the shortest.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan WorkerMaximumRestartDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a local worker may take to stop before it is killed. It has nothing to save: its build is leased again.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan WorkerStopTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How soon a worker is told to send progress: two messages may get lost before the lease lapses.</summary>
    public TimeSpan RenewWithin => LeaseTime / 3;
}
