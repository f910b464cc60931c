using System.CommandLine;
using System.CommandLine.Parsing;
using Fleet.Cli.Client;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

/// <summary>Makes the command of one verb: its help, its options, and what it does with a server.</summary>
internal static class Verb
{
    /// <summary>The option that asks for JSON.</summary>
    public const string JsonName = "--json";

    private const string YesName = "--yes";

    /// <summary>The option that asks for JSON. Options know their commands: each command gets its own.</summary>
    public static Option<bool> Json()
        => new(JsonName)
        {
            Description = "Print exactly one JSON document on standard output, for scripts; where it fails, one with 'error'.",
        };

    /// <summary>The option that answers the question before something that cannot be taken back.</summary>
    public static Option<bool> Yes()
        => new(YesName, "-y") { Description = "Do it without asking. Required where there is no terminal to ask on." };

    public static bool AsksJson(ParseResult parsed) => parsed.GetValue<bool>(JsonName);

    public static bool SaysYes(ParseResult parsed) => parsed.GetValue<bool>(YesName);

    /// <summary>A command that talks to the server. It fails by throwing; returning is success.</summary>
    /// <param name="shell">Where it writes.</param>
    /// <param name="name">The verb.</param>
    /// <param name="help">One sentence, then examples.</param>
    /// <param name="symbols">Its own arguments and options.</param>
    /// <param name="act">What it does.</param>
    public static Command On(Shell shell, string name, string help, Symbol[] symbols, Func<Call, CancellationToken, Task> act)
    {
        var command = new TaughtCommand(name, help);
        foreach (var symbol in symbols) Add(command, symbol);
        var (server, keyFile, authority) = (Server(), KeyFile(), Authority());
        foreach (var option in (Option[])[server, keyFile, authority, Json()]) command.Options.Add(option);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var address = ServerAddress.Resolve(
                parsed.GetValue(server), parsed.GetValue(keyFile), parsed.GetValue(authority), shell.Environmental);
            using var client = new FleetClient(address);
            await act(new Call(shell, parsed, client), cancellationToken);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>A noun with its verbs.</summary>
    public static Command Noun(string name, string help, params ReadOnlySpan<Command> verbs)
    {
        var command = new Command(name, help);
        foreach (var verb in verbs) command.Subcommands.Add(verb);
        return command;
    }

    /// <summary>What was given to an option; null where it cannot be read, which is then said.</summary>
    public static T? Parsed<T>(OptionResult result)
    {
        try
        {
            return result.GetValueOrDefault<T>();
        }
        catch (InvalidOperationException e)
        {
            result.AddError(e.Message);
            return default;
        }
    }

    /// <summary>An option that says how many lines a list has at most.</summary>
    public static Option<int> Limit(string description, int otherwise)
    {
        var limit = new Option<int>("--limit") { HelpName = "N", Description = description, DefaultValueFactory = _ => otherwise };
        limit.Validators.Add(result =>
        {
            if (Parsed<int?>(result) is { } given and < 1) result.AddError($"--limit {given} must be 1 or more.");
        });
        return limit;
    }

    /// <summary>An option that takes a duration such as <c>30s</c> or <c>7d</c>.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        HelpName = "DURATION",
        Description = description,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (DurationText.TryParse(text, out var duration)) return duration;
            result.AddError($"{name} '{text}' is not understood: write {DurationText.Rule}.");
            return null;
        },
    };

    private static Option<string?> Server() => new("--server")
    {
        HelpName = "URL",
        Description = $"Address of the server [default: {ServerAddress.UrlVariable}, else {ServerAddress.DefaultUrl}].",
    };

    private static Option<string?> KeyFile() => new("--key-file")
    {
        HelpName = "FILE",
        Description = $"File with the API key, such as DATA/keys/operator.key of the server [default: {ServerAddress.KeyFileVariable}, "
            + $"else the key itself in {ServerAddress.KeyVariable}].",
    };

    private static Option<string?> Authority() => new("--ca")
    {
        HelpName = "FILE",
        Description = "PEM of the server's own CA, to reach it over https.",
    };

    private static void Add(Command command, Symbol symbol)
    {
        if (symbol is Argument argument) command.Arguments.Add(argument);
        else command.Options.Add((Option)symbol);
    }
}
