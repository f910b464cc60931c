using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Fleet.Cli.Commands;

/// <summary>A command whose help ends with examples.</summary>
/// <param name="name">The verb.</param>
/// <param name="help">What it does in one sentence; then, after an empty line, examples.</param>
internal sealed class TaughtCommand(string name, string help) : Command(name, help.Split("\n\n", 2)[0].ReplaceLineEndings(" "))
{
    /// <summary>The examples, heading included.</summary>
    public string Examples { get; } = help.Split("\n\n", 2).ElementAtOrDefault(1) ?? "";
}

/// <summary>The usual help, and the examples below it: what people copy should be the last thing they see.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var result = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is TaughtCommand { Examples.Length: > 0 } command)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(command.Examples);
            parseResult.InvocationConfiguration.Output.WriteLine();
        }
        return result;
    }
}
