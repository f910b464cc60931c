namespace Fleet.Agent.Children;

/// <summary>How a child process ended. Killed by signal n, .NET gives the shell's 128 + n.</summary>
/// <param name="Code">Exit code.</param>
internal sealed record ChildExit(int Code)
{
    /// <summary>The signal that killed it, null when it ended by itself.</summary>
    public string? Signal { get; } = (Code - 128) switch
    {
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        31 => "SIGSYS",
        > 0 and <= 64 and var number => $"signal {number}",
        _ => null,
    };

    /// <summary>The end of a sentence that starts with what ended.</summary>
    public override string ToString() => Signal switch
    {
        null => $"ended with exit code {Code}",
        "SIGKILL" => "was killed by SIGKILL (where memory is short, by the kernel)",
        var signal => $"was killed by {signal}",
    };
}
