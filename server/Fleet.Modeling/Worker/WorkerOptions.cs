using Fleet.Contracts;
using Fleet.Contracts.Devices;

namespace Fleet.Modeling.Worker;

/// <summary>How a worker behaves.</summary>
internal sealed record WorkerOptions
{
    /// <summary>The server's API.</summary>
    public required Uri Server { get; init; }

    /// <summary>File with the worker's API key, one line.</summary>
    public required string KeyFile { get; init; }

    /// <summary>Folder for the files of the build in hand. It belongs to one worker.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Certificate authority (PEM) that vouches for an https server beside the system's own; null for those alone.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>Name in the server's list of builds, <see cref="Names.Rule"/>.</summary>
    public string Name { get; init; } = NameOf(Environment.MachineName, Environment.ProcessId);

    /// <summary>Threads of a training step. More only helps on a machine that does nothing else.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>How often an idle worker asks for work: what a new build waits at most.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>First wait after the server could not be reached; doubled each time.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest wait between tries: how late a worker notices that its server is back.</summary>
    public TimeSpan MaximumRetry { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often progress is sent while it changes; a lease that must be renewed sooner is.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A name from a machine's: what names may not hold becomes a dash, and the process number always fits.</summary>
    public static string NameOf(string machine, int process)
    {
        var suffix = $"-{process}";
        var name = string.Concat(machine.ToLowerInvariant()
            .Select(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) ? character : '-'));
        return (name.Length + suffix.Length <= Limits.NameLength ? name : name[..(Limits.NameLength - suffix.Length)]) + suffix;
    }
}
