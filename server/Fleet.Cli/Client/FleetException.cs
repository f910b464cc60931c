using Fleet.Cli.Terminal;

namespace Fleet.Cli.Client;

/// <summary>A planned failure of a command: printed line by line, without a stack trace.</summary>
internal sealed class FleetException : Exception
{
    public FleetException(params IReadOnlyList<string> lines) : base(string.Join(Environment.NewLine, lines)) => Lines = lines;

    public FleetException(string message, Exception inner) : base(message, inner) => Lines = [message];

    /// <summary>What to print: the first line says what failed, the others each one reason or remedy.</summary>
    public IReadOnlyList<string> Lines { get; }

    /// <summary>The server's HTTP status when it refused a request.</summary>
    public int? Status { get; init; }

    /// <summary>What the process ends with.</summary>
    public int Code { get; init; } = ExitCode.Failure;
}
