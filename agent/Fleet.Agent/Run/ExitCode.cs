using Fleet.Platform;

namespace Fleet.Agent.Run;

/// <summary>The program's exit codes.</summary>
internal enum ExitCode
{
    /// <summary>Done.</summary>
    Success = 0,
    /// <summary>Something failed; the message names it.</summary>
    Failed = 1,
    /// <summary>The command line or a setting is wrong; trying again changes nothing.</summary>
    Usage = 2,
    /// <summary>This device has no identity yet.</summary>
    NotEnrolled = 3,
    /// <summary>The server did not answer; try again later.</summary>
    Unreachable = 4,
    /// <summary>The server refused, or is not the one that the join token names; trying again changes nothing.</summary>
    Refused = 5,
    /// <summary>Ctrl+C or SIGTERM arrived before the work was done.</summary>
    Stopped = StopSignals.ExitCode,
}
