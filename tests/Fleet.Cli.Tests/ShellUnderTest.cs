using Fleet.Cli.Commands;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Tests;

/// <summary>The program with its streams kept, run as a script would run it: no terminal.</summary>
internal sealed class ShellUnderTest : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    /// <summary>What it wrote to standard output.</summary>
    public string Output => _output.ToString();

    /// <summary>What it wrote to standard error.</summary>
    public string Error => _error.ToString();

    /// <summary>Environment variables it sees: none of the machine's.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>What a person at a terminal types; null where there is none.</summary>
    public string? Answers { get; set; }

    /// <summary>Runs one command line and answers its exit code.</summary>
    public Task<int> RunAsync(params string[] arguments)
    {
        var shell = new Shell(_output, _error, outputIsTerminal: false, errorIsTerminal: false, width: 120,
            name => Variables.GetValueOrDefault(name), TimeProvider.System,
            Answers is { } typed ? new StringReader(typed) : null);
        return FleetCommand.RunAsync(shell, arguments, TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }
}
