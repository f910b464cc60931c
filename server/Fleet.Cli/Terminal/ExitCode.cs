using Fleet.Platform;

namespace Fleet.Cli.Terminal;

/// <summary>What the process ends with.</summary>
internal static class ExitCode
{
    /// <summary>It did what was asked.</summary>
    public const int Success = 0;

    /// <summary>It went wrong.</summary>
    public const int Failure = 1;

    /// <summary>It was asked in a way it does not understand.</summary>
    public const int Usage = 2;

    /// <summary>It was stopped before it was done, by Ctrl+C for example.</summary>
    public const int Stopped = StopSignals.ExitCode;
}
