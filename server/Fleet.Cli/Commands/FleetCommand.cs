using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary>The whole program: nouns, each with its verbs.</summary>
internal static class FleetCommand
{
    private const string Help = """
        Fleet: distill, quantize, sign, roll out and watch models on edge devices.

        See all of it run on this machine:
          fleet demo

        The way of a model:
          fleet tokens create --uses 10              let ten devices join
          fleet models build vibration.yaml --wait   teacher, student, variants
          fleet releases create BUILD                sign the accepted variants
          fleet rollouts start --model vibration --version 1 --waves 5%,25%,100%
          fleet telemetry --model vibration          what the devices serve
        """;

    /// <summary>The command tree.</summary>
    public static RootCommand Create(Shell shell)
    {
        var root = new RootCommand(Help)
        {
            DemoCommand.Create(shell),
            TokensCommand.Create(shell),
            DevicesCommand.Create(shell),
            DataCommand.Create(shell),
            ModelsCommand.Create(shell),
            ReleasesCommand.Create(shell),
            ArtifactsCommand.Create(shell),
            RolloutsCommand.Create(shell),
            TargetsCommand.Create(shell),
            TelemetryCommand.Create(shell),
            ApiKeysCommand.Create(shell),
            SessionsCommand.Create(shell),
            AuditCommand.Create(shell),
            ServerCommand.Create(shell),
            KeysCommand.Create(shell),
        };
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary>
    /// Runs one command line and answers its exit code; errors are lines on standard error, and with <c>--json</c> the document on standard
    /// output as well, unless there is one already.
    /// </summary>
    public static async Task<int> RunAsync(Shell shell, string[] arguments, CancellationToken cancellationToken)
    {
        // The terminal is handed over by Program, which also knows the second Ctrl+C: the library's own handling is off.
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = shell.Output,
            Error = shell.Error,
        };
        var root = Create(shell);
        var parsed = root.Parse(arguments);
        int Failed(int code, IReadOnlyList<string> lines)
        {
            shell.WriteError(lines);
            if (arguments.Contains(Verb.JsonName)) shell.WriteJsonError(lines);
            return code;
        }

        try
        {
            if (parsed.Errors.Count == 0 && OptionTakenForArgument(parsed) is null && Emptied(parsed) is null)
                return await parsed.InvokeAsync(configuration, cancellationToken);

            // A noun alone is a question: its help is the answer.
            if (parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0)
            {
                await root.Parse([.. arguments, "--help"]).InvokeAsync(configuration, cancellationToken);
                return ExitCode.Usage;
            }
            return Failed(ExitCode.Usage, [.. ProblemsOf(parsed), $"See '{PathOf(parsed.CommandResult.Command)} --help'."]);
        }
        catch (FleetException e)
        {
            return Failed(e.Code, e.Lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file or folder that somebody named: what the system says of it holds its path.
            return Failed(ExitCode.Failure, [e.Message]);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Failed(ExitCode.Stopped, ["Stopped."]);
        }
    }

    /// <summary>What is wrong with a command line; a misspelled verb or option is answered with the one that was probably meant.</summary>
    private static IEnumerable<string> ProblemsOf(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var taken = OptionTakenForArgument(parsed);
        if ((taken ?? (parsed.UnmatchedTokens is [var unknown, ..] ? unknown : null)) is not { } first)
            return Emptied(parsed) is { } empty ? [$"{empty} is empty."] : ValueProblems.Of(parsed);
        var isOption = first.StartsWith('-');
        var known = isOption
            ? command.Options.Where(option => !option.Hidden).Select(option => option.Name)
            : command.Subcommands.Where(verb => !verb.Hidden).Select(verb => verb.Name);
        var near = NearestWord.Of(first, known);
        if (near is null && taken is null && (isOption || command.Subcommands.Count == 0))
            return ValueProblems.Of(parsed);
        var kind = isOption ? "an option" : "a command";
        var hint = near is null ? "" : $"; did you mean '{(isOption ? near : $"{PathOf(command)} {near}")}'?";
        return [$"'{first}' is not {kind} of '{PathOf(command)}'{(hint.Length > 0 ? hint : ".")}"];
    }

    /// <summary>
    /// A word that looks like an option and stands where an argument was awaited: the library takes it for the argument, and a
    /// misspelled option would name the device to revoke. What really begins with a hyphen is written behind <c>--</c>.
    /// </summary>
    private static string? OptionTakenForArgument(ParseResult parsed)
        => parsed.Action is HelpWithExamples || parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash)
            ? null
            : parsed.CommandResult.Command.Arguments.SelectMany(argument => parsed.GetResult(argument)?.Tokens ?? [])
                .Select(token => token.Value).FirstOrDefault(word => word.Length > 1 && word[0] == '-');

    /// <summary>
    /// The name of an argument or option that is empty, as where a script's variable was never set: it would ask for all there is.
    /// </summary>
    private static string? Emptied(ParseResult parsed)
    {
        if (parsed.Action is HelpWithExamples) return null;
        var (command, given) = (parsed.CommandResult.Command, new List<(string Name, SymbolResult? Result)>());
        given.AddRange(command.Arguments.Select(argument => (argument.Name, (SymbolResult?)parsed.GetResult(argument))));
        given.AddRange(command.Options.Select(option => (option.Name, (SymbolResult?)parsed.GetResult(option))));
        return given.FirstOrDefault(one => one.Result?.Tokens.Any(token => token.Value.Trim().Length == 0) is true).Name;
    }

    private static string PathOf(Command command) => command is RootCommand
        ? "fleet"
        : $"{PathOf(command.Parents.OfType<Command>().First())} {command.Name}";
}
