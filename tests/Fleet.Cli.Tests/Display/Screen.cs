using Fleet.Cli.Terminal;

namespace Fleet.Cli.Tests.Display;

/// <summary>What a table writes into a pipe, and what it says beside it.</summary>
internal static class Screen
{
    /// <summary>The text on standard output and the hints on standard error.</summary>
    public static (string Output, string Hints) Of(Action<Shell> write)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        write(new Shell(
            output, error, outputIsTerminal: false, errorIsTerminal: false, width: 200, _ => null, TimeProvider.System));
        return (output.ToString(), error.ToString());
    }
}
