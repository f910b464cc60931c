using System.CommandLine;
using System.Text.RegularExpressions;
using Fleet.Cli.Commands;
using Fleet.Cli.Demo;
using Fleet.Cli.Terminal;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Documents name commands that exist.</summary>
public sealed partial class DocumentTests
{
    private static readonly RootCommand Root = FleetCommand.Create(
        new Shell(TextWriter.Null, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 80,
            _ => null, TimeProvider.System));

    [Fact]
    public void Reading_sees_what_a_document_promises()
    {
        Assert.Equal(
            ["devices", "models build", "telemetry"],
            CommandsIn("A fleet of devices: run `fleet devices`, or\n```\ndocker exec x fleet models build spec.yaml\n/opt/fleet/fleet "
                + "list\nfleet telemetry --model a\n```\n"));
        Assert.NotNull(ProblemOf("devices"));
        Assert.NotNull(ProblemOf("device list"));
        Assert.Null(ProblemOf("devices list"));
        Assert.Null(ProblemOf("telemetry"));
    }

    [Fact]
    public void Every_command_in_a_document_exists()
    {
        var wrong =
            from file in Directory.EnumerateFiles(Repository.Root, "*.md", SearchOption.AllDirectories)
            where !Path.GetRelativePath(Repository.Root, file).StartsWith(".artifacts", StringComparison.Ordinal)
                && Path.GetFileName(file) != "CHANGELOG.md"
            from command in CommandsIn(File.ReadAllText(file))
            let problem = ProblemOf(command)
            where problem is not null
            select $"{Path.GetRelativePath(Repository.Root, file)}: fleet {command}: {problem}";
        Assert.Empty(wrong);
    }

    private static string? ProblemOf(string command)
    {
        // The demo's way to become another program, which is not for people.
        if (command.Split(' ')[0] == ChildVerb.Name) return null;
        Command at = Root;
        foreach (var word in command.Split(' '))
        {
            if (at.Subcommands.Count == 0) return null;
            if (at.Subcommands.FirstOrDefault(verb => verb.Name == word) is not { } next) return $"'{word}' is not a command";
            at = next;
        }
        return at.Subcommands.Count > 0 ? "a verb is missing" : null;
    }

    /// <summary>The nouns and verbs of commands in code, blocks and words in a line alike; prose may speak of a fleet of devices.</summary>
    private static IEnumerable<string> CommandsIn(string text)
        => from part in text.Split("```").Index()
           from code in part.Index % 2 == 1 ? [part.Item] : Inline().Matches(part.Item).Select(match => match.Groups[1].Value)
           from Match command in Command().Matches(code)
           select command.Groups[1].Value;

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"(?<![\w./-])fleet ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)(?![\w./-])")]
    private static partial Regex Command();
}
