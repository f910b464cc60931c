using System.ComponentModel.DataAnnotations;

namespace Fleet.Server.Models;

/// <summary>Settings of the build queue, section <c>Fleet:Models</c>.</summary>
internal sealed class ModelsOptions
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

    /// <summary>How soon a worker is told to send progress: two messages may get lost before the lease lapses.</summary>
    public TimeSpan RenewWithin => LeaseTime / 3;
}
